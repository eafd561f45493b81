"""Diagnostics as values: codes, spans, findings, and the renderers that print them.

Standard library only; every other layer may import this one, and it imports none of them.
"""

from specc.diagnostics.model import Cause, Code, Diagnostic, Label, Severity, Sink, Span
from specc.diagnostics.source import SourceFile

__all__ = ["Cause", "Code", "Diagnostic", "Label", "Severity", "Sink", "SourceFile", "Span"]
