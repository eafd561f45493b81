"""Facts about the whole project, computed once and read by rules, lowering and pages."""
