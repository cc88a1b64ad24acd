"""``/dashboard/{app_id}/…``"""

from django.urls import path

from .apps import Apps
from .business import NewApp
from .keys import Keys, NewKey, RevokeKey, RollKey
from .one_person import ErasePerson, ExportPerson, PersonsData
from .settings import Close, Danger, Settings
from .team import Member, RemoveMember, RenewInvitation, RevokeInvitation, Team

urlpatterns = [
    path("apps/", Apps.as_view(), name="apps"),
    path("apps/new/", NewApp.as_view(), name="new_app"),
    path("settings/", Settings.as_view(), name="settings"),
    path("settings/pause/", Danger.as_view(verb="pause"), name="pause_app"),
    path("settings/resume/", Danger.as_view(verb="resume"), name="resume_app"),
    path("settings/close/", Close.as_view(), name="close_app"),
    path("people/data/", PersonsData.as_view(), name="persons_data"),
    path("people/data/export/", ExportPerson.as_view(), name="export_person"),
    path("people/data/erase/", ErasePerson.as_view(), name="erase_person"),
    path("keys/", Keys.as_view(), name="keys"),
    path("keys/new/", NewKey.as_view(), name="new_key"),
    path("keys/<str:key_id>/roll/", RollKey.as_view(), name="roll_key"),
    path("keys/<str:key_id>/revoke/", RevokeKey.as_view(), name="revoke_key"),
    path("team/", Team.as_view(), name="team"),
    path("team/invitations/<str:invitation_id>/send/", RenewInvitation.as_view(), name="renew_invitation"),
    path("team/invitations/<str:invitation_id>/revoke/", RevokeInvitation.as_view(), name="revoke_invitation"),
    path("team/<str:member_id>/", Member.as_view(), name="member"),
    path("team/<str:member_id>/remove/", RemoveMember.as_view(), name="remove_member"),
]
