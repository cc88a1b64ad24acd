"""Files of a case: attach, download, remove. Each is a form, so it works without a script."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.http import content_disposition_header

from fraud import attachments, cases
from incenta.dashboard.access import actor_of, may
from incenta.dashboard.pages import AppPage
from incenta.errors import DomainError, NotFound

from .decisions import CaseAction
from .files_form import FilesForm
from .review import CasePage


class AttachFiles(CasePage):
    """POST ``attach-files`` and ``attach-note``. What is refused is told beside its field, on the page of the case."""

    permission = "fraud.decide"
    http_method_names = ["get", "head", "post"]
    takes_files = True
    files_form: FilesForm

    def get(self, request: HttpRequest, case_id: str) -> HttpResponseBase:
        """From the page of what was refused, whose address this is: another theme, the filters cleared, the address once more."""
        cases.get(request.app, case_id)
        return redirect(_back(self, case_id))

    def post(self, request: HttpRequest, case_id: str) -> HttpResponseBase:
        cases.get(request.app, case_id)  # absent before wrong
        form = self.files_form = FilesForm(request.POST, request.FILES)
        if form.is_valid():
            try:
                with transaction.atomic():
                    done = attachments.add(request.app, case_id, **form.cleaned_data, actor=actor_of(request))
            except NotFound:
                raise
            except DomainError as error:
                for field, sentences in error.details.items():
                    form.add_error(field, sentences)
            else:
                messages.success(request, told(done))
                return redirect(_back(self, case_id))
        response = super().get(request, case_id=case_id)
        response.status_code = 422
        return response

    def more_context(self, page, **kwargs) -> dict:
        return super().more_context(page, **kwargs) | {"files_form": self.files_form}


def told(done: attachments.Added) -> str:
    """``invoice.pdf is attached. chat.txt was there already.``"""

    def of(files: tuple, one: str, many: str) -> str:
        return f"{files[0].name} {one}" if len(files) == 1 else f"{len(files)} files {many}"

    parts = [of(done.added, "is attached.", "are attached.")] if done.added else []
    if done.there:
        parts.append(of(done.there, "was there already.", "were there already."))
    return " ".join(parts)


def _back(page: AppPage, case_id: str) -> str:
    query = page.request.GET.urlencode()
    return f"{page.url('fraud_case', case_id)}{f'?{query}' if query else ''}#files"


class DownloadFile(AppPage):
    """POST, for it leaves a line in the audit log. Never shown in the browser, whatever it is."""

    section = "fraud"
    permission = "fraud.read"
    http_method_names = ["post"]

    def post(self, request: HttpRequest, case_id: str, attachment_id: str) -> HttpResponse:
        file, content = attachments.opened(request.app, case_id, attachment_id, actor=actor_of(request))
        is_text = file.content_type.startswith("text/")
        response = HttpResponse(
            content, content_type=f"{file.content_type}; charset=utf-8" if is_text else file.content_type
        )
        response["Content-Disposition"] = content_disposition_header(True, file.name)
        response["X-Content-Type-Options"] = "nosniff"
        response["Content-Security-Policy"] = "sandbox; default-src 'none'"
        response["Cross-Origin-Resource-Policy"] = "same-origin"
        response["Cache-Control"] = "private, no-store"
        return response


class RemoveFile(CaseAction):
    """Whoever attached it removes it, and so do owners and admins."""

    def act(self, case_id: str, attachment_id: str) -> str:
        may_any = may(self.request, "fraud.files")
        gone = attachments.remove(
            self.request.app, case_id, attachment_id, actor=actor_of(self.request), may_any=may_any
        )
        return f"{gone.name} is removed, and its content is gone."

    def back(self, case_id: str, **kwargs) -> str:
        return _back(self, case_id)
