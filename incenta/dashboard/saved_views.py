"""Views that somebody saves of a list: its filters and order, one click away as chips above it."""

import functools
import operator
from urllib.parse import quote, quote_plus

from django.db.models import Q
from django.http import HttpRequest, QueryDict
from django.utils.http import url_has_allowed_host_and_scheme

from incenta.accounts.people import Person
from incenta.errors import Conflict, InvalidInput

from .models import SavedView
from .pages import Action

MOST = 20
"""Views of one person in one app."""
NOT_SAVED = ("page", "after", "before", "export", "cursor")
"""Where one is in a list, and what one does with it, is no part of a view."""


def page_of(request: HttpRequest) -> str:
    """A list's path below its app."""
    return request.path.removeprefix(f"/dashboard/{request.app.pk}/")[:200]


def canonical_query(text: str) -> str:
    """A query string without what is empty or is of one page, its names in order."""
    query = QueryDict(text, mutable=True)
    for name in list(query):
        values = [value for value in query.getlist(name) if value]
        if name in NOT_SAVED or not values:
            del query[name]
        else:
            query.setlist(name, values)
    told = QueryDict(mutable=True)
    for name in sorted(query):
        told.setlist(name, query.getlist(name))
    return told.urlencode()


def views_of(request: HttpRequest) -> list[dict]:
    """``[{"view", "is_here"}]`` of the list that is open, by name. One statement."""
    here = canonical_query(request.META.get("QUERY_STRING", ""))
    mine = SavedView.objects.filter(app=request.app, user=request.user, page=page_of(request)).order_by("name")
    return [{"view": view, "is_here": view.query == here} for view in mine[:MOST]]


def forget_named(person: Person) -> None:
    """Views that look for somebody who is erased go with him; those of whose name his is a part stay."""
    spellings = {quote_plus(person.user_id), quote(person.user_id, safe="")}
    might = functools.reduce(operator.or_, (Q(query__contains=f"={each}") for each in spellings))
    views = SavedView.objects.filter(might, app=person.app).values_list("pk", "query")
    named = [pk for pk, query in views if any(person.user_id in said for _, said in QueryDict(query).lists())]
    SavedView.objects.filter(pk__in=named).delete()


class _OfAList(Action):
    def back(self, **kwargs) -> str:
        """To the list that the form stood on, at the view that was saved."""
        base = self.url("overview").removesuffix("overview/")
        back = self.request.POST.get("back", "")
        is_ours = back.startswith(base) and url_has_allowed_host_and_scheme(back, None) and ".." not in back
        return back if is_ours else base + "overview/"


class SaveView(_OfAList):
    """POST ``name``, ``page`` and ``query``. A name that is taken on this list gets the new query."""

    def act(self) -> str:
        sent = self.request.POST
        name, page = sent.get("name", "").strip(), sent.get("page", "")
        query = canonical_query(sent.get("query", "")[:4000])
        if not 1 <= len(name) <= 60:
            raise InvalidInput(message="A view needs a name of at most 60 characters.")
        if not query:
            raise InvalidInput(message="Nothing is filtered or sorted, so there is no view to save.")
        if len(query) > 1000 or not 1 <= len(page) <= 200:
            raise InvalidInput(message="This view is too long to be saved.")
        # the row of the membership is the lock: two tabs cannot save the twenty-first
        type(self.request.membership).objects.select_for_update().get(pk=self.request.membership.pk)
        mine = SavedView.objects.filter(app=self.request.app, user=self.request.user)
        if mine.filter(page=page, name=name).update(query=query):
            return f"The view “{name}” now shows this."
        if mine.count() >= MOST:
            raise Conflict("too_many_views", f"You have {MOST} views in this app; delete one first.")
        SavedView.objects.create(app=self.request.app, user=self.request.user, page=page, name=name, query=query)
        return f"The view “{name}” is saved."

    def back(self, **kwargs) -> str:
        back = super().back(**kwargs).partition("?")[0]
        query = canonical_query(self.request.POST.get("query", "")[:4000])
        return f"{back}?{query}" if query else back


class DeleteView(_OfAList):
    """POST ``id``: one's own view; another's is not there."""

    def act(self) -> str:
        told = self.request.POST.get("id", "")
        mine = SavedView.objects.filter(app=self.request.app, user=self.request.user)
        view = mine.filter(pk=int(told)).first() if told.isdecimal() and len(told) < 19 else None
        if view is None:
            raise Conflict("view_not_found", "This view is deleted already.")
        view.delete()
        return f"The view “{view.name}” is deleted."
