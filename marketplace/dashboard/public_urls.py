"""What anybody may open of the marketplace."""

from django.urls import path
from django.views.generic import RedirectView

from .market import shop, shop_listing

urlpatterns = [
    path("market", shop, name="market"),
    path("market/", RedirectView.as_view(pattern_name="market", permanent=True, query_string=True)),
    path("market/<str:listing_id>", shop_listing, name="market_listing"),
]
