"""What the ledger answers over HTTP."""

from rest_framework.response import Response

from incenta.api.views import ApiView
from incentives.ledger import verify


class LedgerVerify(ApiView):
    """Recounts every balance of the app from its transfers. ``drift`` names what disagrees; it is empty."""

    def get(self, request):
        return Response(verify(request.app))
