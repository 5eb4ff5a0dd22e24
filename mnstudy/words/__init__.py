"""Words: notes as data, and the sentences that turn plain records into text.

An analysis says what it decided as ``Note``: a kind from a fixed list and its values. Only
``sentence`` writes text, and nothing reads that text back.
"""

from __future__ import annotations

from mnstudy.words.notes import SENTENCES, Count, Note, note, sentence, sentences

__all__ = ["SENTENCES", "Count", "Note", "note", "sentence", "sentences"]
