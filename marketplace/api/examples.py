"""The marketplace's answers by example, for the API's description."""

from incenta.api.examples import Choice, Either, Face, Nullable, Number, Operation
from marketplace.models import CodeSource, ExpiryPolicy, ProfileStatus, RedemptionStatus

AT = "2026-11-23T01:47:00.123Z"
LATER = "2026-12-23T01:47:00.123Z"
BUSINESS_ID = "biz_01m831b2qts05fen4vdq67f4qp"
LISTING_ID = "lst_01m831b2qts05fen4vdq67f4qq"
PROMOTION_ID = "prm_01m831b2qts05fen4vdq67f4qr"
REDEMPTION_ID = "rdm_01m831b2qts05fen4vdq67f4qs"
CODE = "CAFE-7FHKQ9MXWPR3TH"

PROFILE = Face(
    "BusinessProfile",
    {
        "id": BUSINESS_ID,
        "name": "Café Mitra",
        "description": "Coffee by the lake",
        "category": "food",
        "url": "https://mitra.example.com",
        "logoUrl": "https://mitra.example.com/logo.png",
        "contactEmail": "hello@mitra.example.com",
        "country": "NP",
        "status": Choice(*ProfileStatus.values),
        "statusReason": "",
        "decidedAt": Nullable(AT, shown=False),
        "createdAt": AT,
        "updatedAt": AT,
    },
)
SETTINGS = Face(
    "MarketplaceSettings",
    {
        "joined": True,
        "allowedBusinesses": [BUSINESS_ID],
        "blockedBusinesses": [BUSINESS_ID],
        "countries": ["NP"],
        "maxPerCoin": Nullable(Number(0.01)),
        "maxPerToken": Nullable(Number(0.1), shown=False),
        "currency": "USD",
        "updatedAt": AT,
    },
)
_DISCOUNT = Nullable({"type": Choice("PERCENTAGE", "FIXED_AMOUNT"), "value": Number(20)})
_SHOWN_DISCOUNT = Nullable(
    {"type": Choice("PERCENTAGE", "FIXED_AMOUNT"), "value": Number(20), "currency": Nullable("USD", shown=False)}
)
LISTING = Face(
    "Listing",
    {
        "id": LISTING_ID,
        "businessId": BUSINESS_ID,
        "title": "A coffee",
        "description": "Any size",
        "category": "food",
        "imageUrl": "https://mitra.example.com/coffee.png",
        "terms": "Not on Saturdays",
        "coinCost": 100,
        "tokenCost": 0,
        "inventory": 50,
        "maxPerUser": Nullable(1),
        "discount": _DISCOUNT,
        "validDays": Nullable(30),
        "onExpiry": Choice(*ExpiryPolicy.values),
        "startsAt": Nullable(AT, shown=False),
        "endsAt": Nullable(LATER),
        "published": True,
        "countries": ["NP"],
        "codeSource": Choice(*CodeSource.values),
        "codePrefix": "CAFE",
        "codesLeft": Nullable(100, shown=False),
        "lowStockAt": Nullable(5),
        "isLowStock": False,
        "currency": "USD",
        "coinRate": Number(0.01),
        "tokenRate": Number(0),
        "createdAt": AT,
        "updatedAt": AT,
    },
)
NEW_LISTING = {
    "title": "A coffee",
    "coinCost": 100,
    "inventory": 50,
    "maxPerUser": 1,
    "validDays": 30,
    "codePrefix": "CAFE",
    "coinRate": 0.01,
    "discount": {"type": "PERCENTAGE", "value": 20},
}
UPLOAD = {"new": 2, "duplicate": 1, "bad": 0, "badLines": [{"line": 4, "text": "=1+1"}]}
PROMOTION = Face(
    "Promotion",
    {
        "id": PROMOTION_ID,
        "listingId": LISTING_ID,
        "listingTitle": "A coffee",
        "name": "Winter",
        "percentOff": 20,
        "status": Choice("RUNNING", "SCHEDULED", "ENDED"),
        "startsAt": AT,
        "endsAt": LATER,
        "createdAt": AT,
    },
)
_BUSINESS = {"id": BUSINESS_ID, "name": "Café Mitra", "url": "https://mitra.example.com"}
_OFFER = {
    "listingId": LISTING_ID,
    "title": "A coffee",
    "description": "Any size",
    "category": "food",
    "imageUrl": "https://mitra.example.com/coffee.png",
    "terms": "Not on Saturdays",
    "coinCost": 80,
    "tokenCost": 0,
    "regularCoinCost": 100,
    "regularTokenCost": 0,
    "promotion": Nullable({"id": PROMOTION_ID, "percentOff": 20, "endsAt": LATER}),
    "discount": _SHOWN_DISCOUNT,
    "validDays": Nullable(30),
    "maxPerUser": Nullable(1),
    "endsAt": Nullable(LATER),
    "inStock": True,
    "business": {**_BUSINESS, "logoUrl": "https://mitra.example.com/logo.png"},
}
OFFER = Face("Offer", _OFFER)
_POINTS = {"xp": 250, "coins": 425, "tokens": 0}
VERIFIED_USER = {
    "userId": "user_123",
    "balances": _POINTS,
    "listings": [{**_OFFER, "affordable": True}],
    "pagination": {"page": 1, "limit": 25, "totalItems": 1, "totalPages": 1},
}
VERIFIED_CODE = {
    "valid": True,
    "redemptionId": REDEMPTION_ID,
    "status": Choice(*RedemptionStatus.values),
    "holdReasons": [],
    "listing": {"id": LISTING_ID, "title": "A coffee", "terms": "Not on Saturdays", "discount": _SHOWN_DISCOUNT},
    "redeemedAt": AT,
    "expiresAt": Nullable(LATER),
    "fulfilledAt": Nullable(AT, shown=False),
}
_ISSUERS = {
    "id": REDEMPTION_ID,
    "role": "issuer",
    "listingId": LISTING_ID,
    "listingTitle": "A coffee",
    "status": Choice(*RedemptionStatus.values),
    "discountCode": CODE,
    "coinCost": 80,
    "tokenCost": 0,
    "promotionId": Nullable(PROMOTION_ID),
    "owed": Number(0.8),
    "currency": "USD",
    "orderReference": Nullable("order_1001", shown=False),
    "reason": Nullable("Closed today", shown=False),
    "settledBy": Nullable(Choice("BUSINESS", "ISSUER", "SYSTEM"), shown=False),
    "holdReasons": [],
    "redeemedAt": AT,
    "expiresAt": Nullable(LATER),
    "fulfilledAt": Nullable(AT, shown=False),
    "cancelledAt": Nullable(AT, shown=False),
    "business": _BUSINESS,
    "issuer": {"name": "Himal Shop"},
}
REDEMPTION = Either(
    Face(
        "IssuedRedemption",
        _ISSUERS | {"role": Choice("issuer"), "userId": "user_123", "riskScore": Nullable(25, shown=False)},
    ),
    Face("RedemptionHere", _ISSUERS | {"role": Choice("business")}),
    Face(
        "OwnRedemption",
        {
            name: _ISSUERS[name]
            for name in ("id", "listingId", "listingTitle", "status", "discountCode", "coinCost", "tokenCost")
        }
        | {
            name: _ISSUERS[name]
            for name in ("holdReasons", "redeemedAt", "expiresAt", "fulfilledAt", "cancelledAt", "business")
        }
        | {"userId": "user_123"},
    ),
)
NO_CODE = dict.fromkeys(("redemptionId", "status", "listing", "redeemedAt", "expiresAt", "fulfilledAt"))
NO_CODE["holdReasons"] = []
_PARTNER = {"appId": "app_01m831b2qts05fen4vdq67f4qt", "businessId": Nullable(BUSINESS_ID), "name": "Café Mitra"}
_SUMS = {
    "currency": "USD",
    "owedToUs": Number(0),
    "owedByUs": Number(0.8),
    "net": Number(-0.8),
    "redemptions": 1,
    "returns": 0,
}
ENTRY = Face(
    "SettlementEntry",
    {
        "id": "stl_01m831b2qts05fen4vdq67f4qv",
        "kind": Choice("OWE", "RETURN"),
        "direction": Choice("BY_US", "TO_US"),
        "occurredAt": AT,
        "partner": _PARTNER,
        "redemptionId": REDEMPTION_ID,
        "listing": {"id": LISTING_ID, "title": "A coffee"},
        "coins": 80,
        "tokens": 0,
        "currency": "USD",
        "amount": Number(0.8),
        "net": Number(-0.8),
    },
)

_NO_LISTING = {404: ("listing_not_found",)}
OPERATIONS = {
    ("BusinessProfile", "get"): Operation(
        "The app's business profile", PROFILE, codes={404: ("profile_not_found",)}, id="getBusinessProfile"
    ),
    ("BusinessProfile", "post"): Operation(
        "The profile that was created",
        PROFILE,
        status=201,
        body={"name": "Café Mitra", "category": "food", "url": "https://mitra.example.com", "country": "NP"},
        description="A live profile waits for the operator's verification; that of a sandbox is verified at once.",
        codes={409: ("profile_exists",)},
        id="createBusinessProfile",
    ),
    ("BusinessProfile", "patch"): Operation(
        "The changed profile",
        PROFILE,
        body={"description": "Coffee by the lake"},
        description="A new `name` or `url` of a verified live profile is verified anew.",
        codes={404: ("profile_not_found",), 409: ("profile_suspended",)},
        id="updateBusinessProfile",
    ),
    ("MarketplaceSettings", "get"): Operation(
        "Whether the app's users may spend, and where", SETTINGS, id="getMarketplaceSettings"
    ),
    ("MarketplaceSettings", "patch"): Operation(
        "The changed settings",
        SETTINGS,
        body={"joined": True, "maxPerCoin": 0.01},
        description="Empty lists allow everybody. `maxPerCoin` and `maxPerToken` are the most, in the app's currency, that "
        "the app agrees to owe a business for a coin or token; null agrees to any rate.",
        id="updateMarketplaceSettings",
    ),
    ("Listings", "get"): Operation("The app's own listings, newest first", item=LISTING, id="listListings"),
    ("Listings", "post"): Operation(
        "The listing that was created",
        LISTING,
        status=201,
        body=NEW_LISTING,
        codes={409: ("profile_missing",)},
        id="createListing",
    ),
    ("ListingDetail", "get"): Operation(
        "One own listing", LISTING, path={"listingId": LISTING_ID}, codes=_NO_LISTING, id="getListing"
    ),
    ("ListingDetail", "patch"): Operation(
        "The changed listing",
        LISTING,
        path={"listingId": LISTING_ID},
        body={"coinCost": 120},
        codes=_NO_LISTING,
        id="updateListing",
    ),
    ("ListingDetail", "delete"): Operation(
        "Takes the listing down", path={"listingId": LISTING_ID}, codes=_NO_LISTING, id="deleteListing"
    ),
    ("ListingCodes", "post"): Operation(
        "What was added to the pool",
        UPLOAD,
        status=201,
        also={200: "With `preview`: what would be added."},
        path={"listingId": LISTING_ID},
        body={"csv": "code\nSUMMER-1\nSUMMER-2\nSUMMER-2\n", "preview": True},
        description="`codes` or `csv`, at most 100,000 codes. All of them are added, or, with one bad line, none.",
        codes=_NO_LISTING,
        id="addListingCodes",
    ),
    ("Promotions", "get"): Operation("Promotions, newest first", item=PROMOTION, id="listPromotions"),
    ("Promotions", "post"): Operation(
        "The promotion that was created",
        PROMOTION,
        status=201,
        body={"listingId": LISTING_ID, "percentOff": 20, "endsAt": LATER},
        codes=_NO_LISTING,
        id="createPromotion",
    ),
    ("PromotionDetail", "get"): Operation(
        "One promotion",
        PROMOTION,
        path={"promotionId": PROMOTION_ID},
        codes={404: ("promotion_not_found",)},
        id="getPromotion",
    ),
    ("PromotionDetail", "delete"): Operation(
        "Ends the promotion",
        path={"promotionId": PROMOTION_ID},
        codes={404: ("promotion_not_found",)},
        id="deletePromotion",
    ),
    ("PublicListings", "get"): Operation(
        "What the app's users see, newest first",
        item=OFFER,
        query={"maxCoins": ("Only what costs at most so many coins now.", 500)},
        id="listOffers",
    ),
    ("PublicListing", "get"): Operation(
        "One listing as users see it", OFFER, path={"listingId": LISTING_ID}, codes=_NO_LISTING, id="getOffer"
    ),
    ("Verify", "get"): Operation(
        "What a user can afford, cheapest first",
        Either(
            VERIFIED_USER,
            VERIFIED_CODE,
            {"valid": False, **NO_CODE, "error": "No redemption at this business has this code."},
        ),
        path={"userId": "user_123"},
        query={"page": ("Which page, from 1.", 1), "limit": ("Listings on a page, at most 100.", 25)},
        description="The id or the code of a redemption that the app is a party to answers whether it is valid instead. To a "
        "key of scope `pos` it answers about codes only.",
        id="verifyUser",
    ),
    ("Fulfill", "post"): Operation(
        "The redemption, fulfilled",
        {"success": True, "redemption": REDEMPTION},
        body={"code": CODE, "orderReference": "order_1001"},
        description="At the point of sale: by code, once. A key of scope `pos` may call this and `verify`, and nothing else. "
        "Too many codes that do not exist, and the key waits for the next minute.",
        codes={
            404: ("redemption_not_found",),
            409: ("already_fulfilled", "redemption_cancelled", "redemption_expired", "redemption_on_hold"),
            429: ("too_many_unknown_codes",),
        },
        id="fulfillByCode",
    ),
    ("Statement", "get"): Operation(
        "The month's entries, the oldest first, and what they come to for each partner and currency",
        item=ENTRY,
        beside={
            "month": "2026-11",
            "timezone": "Asia/Kathmandu",
            "from": AT,
            "to": LATER,
            "partners": [{"partner": _PARTNER, **_SUMS}],
            "totals": [_SUMS],
        },
        query={
            "month": ("A month by the app's time zone; without it the present one.", "2026-11"),
            "format": ("`csv` answers every entry of the month as a file.", "json"),
        },
        description="`net` is what the partner owes: below zero it is owed to the partner. A redemption that is cancelled or "
        "expires is returned by an entry of its own, in the month in which that happens.",
        id="getMarketplaceStatement",
    ),
    ("RedeemListing", "post"): Operation(
        "The redemption and its code",
        {
            "redemptionId": REDEMPTION_ID,
            "listingId": LISTING_ID,
            "userId": "user_123",
            "status": "PENDING",
            "discountCode": CODE,
            "riskScore": Nullable(25, shown=False),
            "holdReasons": [],
            "coinCost": 80,
            "tokenCost": 0,
            "balances": _POINTS,
            "redeemedAt": AT,
            "expiresAt": Nullable(LATER),
            "business": _BUSINESS,
        },
        status=201,
        body={"listingId": LISTING_ID, "userId": "user_123"},
        codes=_NO_LISTING
        | {
            409: (
                "insufficient_balance",
                "out_of_stock",
                "user_limit",
                "on_hold",
                "listing_not_published",
                "listing_not_started",
                "listing_ended",
                "listing_not_available",
                "business_not_verified",
                "marketplace_not_joined",
            )
        },
        id="redeemListing",
    ),
    ("MarketplaceRedemptions", "get"): Operation(
        "Redemptions, newest first",
        item=REDEMPTION,
        query={"role": ("`issuer`: of the app's users. `business`: at the app's business.", "issuer")},
        description="A browser with a publishable key and its user's token sees that user's, without what the parties owe each other.",
        id="listMarketplaceRedemptions",
    ),
    ("MarketplaceRedemption", "get"): Operation(
        "One redemption",
        REDEMPTION,
        path={"redemptionId": REDEMPTION_ID},
        codes={404: ("redemption_not_found",)},
        id="getMarketplaceRedemption",
    ),
    ("MarketplaceRedemption", "patch"): Operation(
        "The redemption, fulfilled or cancelled",
        REDEMPTION,
        path={"redemptionId": REDEMPTION_ID},
        body={"status": "FULFILLED", "orderReference": "order_1001"},
        description="The business fulfils; either party cancels what is not fulfilled. Cancelling returns the coins to the "
        "lots they came from, and the stock.",
        codes={
            403: ("not_the_business",),
            404: ("redemption_not_found",),
            409: ("redemption_cancelled", "redemption_expired", "redemption_fulfilled", "redemption_on_hold"),
        },
        id="settleMarketplaceRedemption",
    ),
}
