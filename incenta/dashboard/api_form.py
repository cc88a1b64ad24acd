"""A form that sends what the API would be sent, through the same checks: both tell the same sentences."""

from django import forms
from rest_framework.exceptions import ValidationError

from incenta.errors import DomainError
from incenta.serializers import camel, flat


class Count(forms.CharField):
    """A whole number in a text box. ``empty``: what an empty box sends; ``""`` is no number, so the API says so."""

    def __init__(self, *, empty: int | str | None = 0, max_length: int = 20, **kwargs):
        self.empty = empty
        attrs = {"inputmode": "numeric", "autocomplete": "off"}
        super().__init__(max_length=max_length, widget=forms.TextInput(attrs=attrs), **kwargs)

    def sent(self, text: str) -> int | str | None:
        """The number, the text where it is none, for the API's check to refuse in its own words."""
        text = text.strip()
        if not text:
            return self.empty
        digits = text.removeprefix("-")
        return int(text) if digits.isascii() and digits.isdecimal() else text


class ApiForm(forms.Form):
    """Fields in Python's spelling. ``values`` after ``is_valid()`` is what ``checked()`` made of them: what the verb takes.

    A subclass names ``needed`` (told to screen readers), ``own`` (fields that are no part of the request), ``sections``
    (``[(title, note, ("name", …))]``: how the page groups them), ``spelling`` (the API's name → field, where they differ).
    """

    needed: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    wide: tuple[str, ...] = ()
    """Fields that take a whole line."""
    sections: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    spelling: dict[str, str] = {}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.required = False  # the API's own sentence says what is missing
            if name in self.needed:
                field.widget.attrs["aria-required"] = "true"

    def grouped(self) -> list[dict]:
        """``sections`` with the fields themselves, for the template. One that this form does not have is left out."""
        return [
            {
                "title": title,
                "note": note,
                "fields": [(self[name], name) for name in names if name in self.fields],
                "is_three": len(names) == 3 and not set(names) & set(self.wide),
            }
            for title, note, names in self.sections
        ]

    def sent(self) -> dict:
        """The request body that says what this form says, in the API's spelling."""
        body = {}
        for name, field in self.fields.items():
            if name in self.own or name not in self.cleaned_data:
                continue
            told = self.cleaned_data[name]
            if isinstance(field, Count):
                told = field.sent(told)
            elif isinstance(field, forms.ChoiceField) and told == "":
                continue
            body[camel(name)] = told
        return body

    def checked(self, body: dict) -> dict:
        """The verb's values. Raises the errors of a serializer or of the domain."""
        raise NotImplementedError

    def clean(self) -> dict:
        told = super().clean()
        try:
            self.values = self.checked(self.sent())
        except ValidationError as error:
            self.refuse(flat(error.detail))
        except DomainError as error:
            self.refuse_domain(error)
        return told

    def refuse(self, details: dict[str, list]) -> None:
        """Puts the API's sentences beside the fields they are about, and the rest above the form."""
        names = {camel(name): name for name in self.fields} | self.spelling
        for theirs, sentences in details.items():
            name = names.get(theirs.split(".")[0])
            for sentence in sentences:
                if name is None:
                    self.add_error(None, str(sentence))
                elif not self.has_error(name):
                    self.add_error(name, str(sentence))

    def refuse_domain(self, error: DomainError) -> None:
        """A verb's refusal, such as a key that is taken."""
        told = {field: sentences for field, sentences in error.details.items() if isinstance(sentences, list)}
        self.refuse(told or {"": [error.message]})
