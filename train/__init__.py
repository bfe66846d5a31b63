"""Models, features, fitting, evaluation, comparison of arms, reports."""
