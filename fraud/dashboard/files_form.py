"""What a page asks of somebody who attaches files."""

from django import forms

from fraud import attachments, file_kinds
from fraud.models.attachment import LARGEST
from incenta.dashboard.middleware import LARGEST_BODY

ACCEPTED = ",".join(ending for kind in file_kinds.KINDS for ending in kind.endings)
MB = 1024 * 1024


class FilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Any number of files, as ``[(name, bytes)]``; of one that is too large no more is read than shows it."""

    def clean(self, data, initial=None) -> list[tuple[str, bytes]]:
        return [(each.name, each.read(LARGEST + 1)) for each in data or ()]


class FilesForm(forms.Form):
    files = FilesField(
        label="Files",
        required=False,
        help_text=f"PDF, picture, text, CSV or e-mail (.eml): up to {LARGEST // MB} MB each, "
        f"{LARGEST_BODY // MB} MB at once, {attachments.MOST_OF_CASE} a case.",
        widget=FilesInput(
            attrs={
                "accept": ACCEPTED,
                "data-largest": LARGEST,
                "data-largest-sum": LARGEST_BODY,
                "aria-required": "true",
            }
        ),
    )
    note = forms.CharField(
        label="What they show",
        required=False,
        max_length=attachments.LONGEST_NOTE,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    prefix = "attach"
