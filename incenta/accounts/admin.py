"""The operator's admin at ``/staff/``: who is here, and how much each merchant may use.

Rows that verbs make (merchants, apps, keys) are not made or deleted here; an app is suspended, a key revoked, a plan chosen.
"""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from .models import ApiKey, App, Membership, Merchant, Plan, User

admin.site.site_header = admin.site.site_title = "Incenta operator"
admin.site.index_title = "Merchants, plans and people"
admin.site.login = secure_admin_login(admin.site.login)  # one door: rate limits and second factors hold here too


class LongTablePaginator(Paginator):
    """Counts at most 10,000 rows: a table of millions is searched, not leafed through."""

    @cached_property
    def count(self) -> int:
        return self.object_list.order_by()[:10_000].count()


class Shown(admin.ModelAdmin):
    """Rows that the operator may look at; a subclass opens single fields."""

    show_full_result_count = False
    paginator = LongTablePaginator
    open_fields: tuple[str, ...] = ()

    def get_readonly_fields(self, request: HttpRequest, obj=None) -> list[str]:
        hidden = (*self.open_fields, *(self.exclude or ()))
        return [field.name for field in self.opts.fields if field.name not in hidden]

    def has_add_permission(self, request: HttpRequest, obj=None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj=None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj=None) -> bool:
        return bool(self.open_fields) and super().has_change_permission(request, obj)


@admin.register(Plan)
class PlanAdmin(admin.ModelAdmin):
    list_display = ("name", "monthly_calls", "calls_per_minute", "max_apps", "max_keys", "is_default", "merchants")
    fields = ("name", "monthly_calls", "calls_per_minute", "max_apps", "max_keys", "is_default")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).annotate(merchant_count=Count("merchants"))

    @admin.display(ordering="merchant_count")
    def merchants(self, plan: Plan) -> int:
        return plan.merchant_count

    def has_delete_permission(self, request: HttpRequest, obj: Plan | None = None) -> bool:
        is_in_use = obj is not None and (obj.is_default or obj.merchants.exists())
        return not is_in_use and super().has_delete_permission(request, obj)


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 0
    can_delete = False
    fields = readonly_fields = ("user", "role", "created_at")

    def has_add_permission(self, request: HttpRequest, obj=None) -> bool:
        return False


@admin.register(Merchant)
class MerchantAdmin(Shown):
    list_display = ("name", "plan", "apps_open", "created_at", "id")
    list_select_related = ("plan",)
    list_filter = ("plan",)
    search_fields = ("name", "id", "memberships__user__email")
    open_fields = ("name", "plan")
    inlines = (MembershipInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        live = Count("apps", filter=Q(apps__sandbox_of=None), distinct=True)
        return super().get_queryset(request).annotate(app_count=live)

    @admin.display(description="apps", ordering="app_count")
    def apps_open(self, merchant: Merchant) -> int:
        return merchant.app_count


@admin.register(App)
class AppAdmin(Shown):
    list_display = ("name", "merchant", "status", "is_live", "currency", "created_at", "id")
    list_select_related = ("merchant",)
    list_filter = ("status", ("sandbox_of", admin.EmptyFieldListFilter))
    search_fields = ("name", "id", "merchant__name")
    open_fields = ("status",)

    @admin.display(boolean=True, description="live")
    def is_live(self, app: App) -> bool:
        return not app.is_sandbox


@admin.register(ApiKey)
class ApiKeyAdmin(Shown):
    list_display = ("name", "app", "scope", "prefix", "last4", "created_at", "last_used_at", "expires_at", "revoked_at")
    list_select_related = ("app",)
    list_filter = ("scope", ("revoked_at", admin.EmptyFieldListFilter))
    search_fields = ("id", "name", "last4", "app__id")
    exclude = ("digest",)
    actions = ("revoke",)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_apikey")

    @admin.action(description="Revoke selected keys", permissions=["revoke"])
    def revoke(self, request: HttpRequest, keys: QuerySet) -> None:
        for key in keys:
            key.revoke()
        self.message_user(request, f"{len(keys)} keys are revoked.", messages.SUCCESS)


@admin.register(User)
class UserAdmin(Shown):
    list_display = ("email", "name", "is_active", "is_staff", "last_login", "date_joined")
    list_filter = ("is_staff", "is_active")
    search_fields = ("email", "name")
    exclude = ("password", "groups", "user_permissions")
    open_fields = ("is_active", "is_staff", "is_superuser")

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        # who hands out the keys of the house is himself an administrator of it
        return request.user.is_superuser and super().has_change_permission(request, obj)
