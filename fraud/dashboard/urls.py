"""``/dashboard/{app_id}/fraud/…``"""

from django.urls import path

from .decisions import Decide, Note, Snooze, Undo
from .many import DecideByScore, DecideMany, UndoMany
from .review import CasePage, Preview, Review

urlpatterns = [
    path("fraud/", Review.as_view(), name="fraud"),
    path("fraud/decide/", DecideMany.as_view(), name="decide_fraud_cases"),
    path("fraud/decide/by-score/", DecideByScore.as_view(), name="decide_fraud_by_score"),
    path("fraud/decisions/undo/", UndoMany.as_view(), name="undo_fraud_decisions"),
    path("fraud/decisions/<str:decision_id>/undo/", Undo.as_view(), name="undo_fraud_decision"),
    path("fraud/cases/<str:case_id>/", CasePage.as_view(), name="fraud_case"),
    path("fraud/cases/<str:case_id>/effects/", Preview.as_view(), name="preview_fraud_case"),
    path("fraud/cases/<str:case_id>/decide/", Decide.as_view(), name="decide_fraud_case"),
    path("fraud/cases/<str:case_id>/note/", Note.as_view(), name="note_fraud_case"),
    path("fraud/cases/<str:case_id>/snooze/", Snooze.as_view(), name="snooze_fraud_signal"),
]
