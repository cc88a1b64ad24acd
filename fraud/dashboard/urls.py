"""``/dashboard/{app_id}/fraud/…``"""

from django.urls import path

from .backtests import BacktestPage, StartBacktest
from .decisions import Decide, Note, Snooze, Undo
from .files import AttachFiles, DownloadFile, RemoveFile
from .linked import Linked
from .lists import AddEntry, AddMute, EndMute, Lists, Mutes, RemoveEntry
from .many import DecideByScore, DecideMany, UndoMany
from .presence import Presence
from .review import CasePage, Preview, Review
from .rules import Activate, NewDraft, PutInShadow, Retire, Rules, Version, Versions
from .settings import Settings

urlpatterns = [
    path("fraud/", Review.as_view(), name="fraud"),
    path("fraud/decide/", DecideMany.as_view(), name="decide_fraud_cases"),
    path("fraud/decide/by-score/", DecideByScore.as_view(), name="decide_fraud_by_score"),
    path("fraud/decisions/undo/", UndoMany.as_view(), name="undo_fraud_decisions"),
    path("fraud/decisions/<str:decision_id>/undo/", Undo.as_view(), name="undo_fraud_decision"),
    path("fraud/cases/<str:case_id>/", CasePage.as_view(), name="fraud_case"),
    path("fraud/cases/<str:case_id>/linked/", Linked.as_view(), name="linked_fraud_accounts"),
    path("fraud/cases/<str:case_id>/effects/", Preview.as_view(), name="preview_fraud_case"),
    path("fraud/cases/<str:case_id>/presence/", Presence.as_view(), name="fraud_case_presence"),
    path("fraud/cases/<str:case_id>/files/", AttachFiles.as_view(), name="attach_fraud_files"),
    path("fraud/cases/<str:case_id>/files/<str:attachment_id>/", DownloadFile.as_view(), name="fraud_file"),
    path("fraud/cases/<str:case_id>/files/<str:attachment_id>/remove/", RemoveFile.as_view(), name="remove_fraud_file"),
    path("fraud/cases/<str:case_id>/decide/", Decide.as_view(), name="decide_fraud_case"),
    path("fraud/cases/<str:case_id>/note/", Note.as_view(), name="note_fraud_case"),
    path("fraud/cases/<str:case_id>/snooze/", Snooze.as_view(), name="snooze_fraud_signal"),
    path("fraud/rules/", Rules.as_view(), name="fraud_rules"),
    path("fraud/rules/new/", NewDraft.as_view(), name="new_fraud_rules"),
    path("fraud/rules/versions/", Versions.as_view(), name="fraud_versions"),
    path("fraud/rules/versions/<str:rule_set_id>/", Version.as_view(), name="fraud_version"),
    path("fraud/rules/versions/<str:rule_set_id>/try/", StartBacktest.as_view(), name="try_fraud_rules"),
    path("fraud/rules/versions/<str:rule_set_id>/shadow/", PutInShadow.as_view(), name="shadow_fraud_rules"),
    path("fraud/rules/versions/<str:rule_set_id>/activate/", Activate.as_view(), name="activate_fraud_rules"),
    path("fraud/rules/versions/<str:rule_set_id>/retire/", Retire.as_view(), name="retire_fraud_rules"),
    path("fraud/backtests/<str:backtest_id>/", BacktestPage.as_view(), name="fraud_backtest"),
    path("fraud/settings/", Settings.as_view(), name="fraud_settings"),
    path("fraud/lists/", Lists.as_view(), name="fraud_lists"),
    path("fraud/lists/new/", AddEntry.as_view(), name="new_fraud_entry"),
    path("fraud/lists/<str:entry_id>/remove/", RemoveEntry.as_view(), name="remove_fraud_entry"),
    path("fraud/mutes/", Mutes.as_view(), name="fraud_mutes"),
    path("fraud/mutes/new/", AddMute.as_view(), name="new_fraud_mute"),
    path("fraud/mutes/<str:mute_id>/end/", EndMute.as_view(), name="end_fraud_mute"),
]
