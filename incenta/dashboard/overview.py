"""stub"""

from .pages import AppPage


class Overview(AppPage):
    section = "overview"
    template_name = "overview/overview.html"

    def get(self, request):
        return self.page({})
