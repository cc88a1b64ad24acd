"""The addresses of the room of fraud, below both mounts."""

from django.urls import path

from . import cases, flags, lists, rule_sets

urlpatterns = [
    path("fraud/flags", flags.Flags.as_view()),
    path("fraud/flags/<str:flag_id>", flags.FlagDetail.as_view()),
    path("fraud/flags/<str:flag_id>/resolve", flags.ResolveFlag.as_view()),
    path("fraud/cases", cases.Cases.as_view()),
    path("fraud/cases/decide", cases.DecideCases.as_view()),
    path("fraud/cases/<str:case_id>", cases.CaseDetail.as_view()),
    path("fraud/cases/<str:case_id>/decide", cases.DecideCase.as_view()),
    path("fraud/cases/<str:case_id>/notes", cases.CaseNotes.as_view()),
    path("fraud/decisions", cases.Decisions.as_view()),
    path("fraud/decisions/<str:decision_id>/undo", cases.UndoDecision.as_view()),
    path("fraud/lists", lists.FraudLists.as_view()),
    path("fraud/lists/<str:entry_id>", lists.FraudListEntry.as_view()),
    path("fraud/mutes", lists.FraudMutes.as_view()),
    path("fraud/mutes/<str:mute_id>", lists.FraudMute.as_view()),
    path("fraud/signals", rule_sets.Signals.as_view()),
    path("fraud/rule-sets", rule_sets.FraudRuleSets.as_view()),
    path("fraud/rule-sets/rollback", rule_sets.RollBackRules.as_view()),
    path("fraud/rule-sets/<str:rule_set_id>", rule_sets.FraudRuleSet.as_view()),
    path("fraud/rule-sets/<str:rule_set_id>/shadow", rule_sets.ShadowRuleSet.as_view()),
    path("fraud/rule-sets/<str:rule_set_id>/activate", rule_sets.ActivateRuleSet.as_view()),
    path("fraud/rule-sets/<str:rule_set_id>/retire", rule_sets.RetireRuleSet.as_view()),
    path("fraud/backtests", rule_sets.FraudBacktests.as_view()),
    path("fraud/backtests/<str:backtest_id>", rule_sets.FraudBacktest.as_view()),
    path("fraud/settings", rule_sets.FraudSettings.as_view()),
]
