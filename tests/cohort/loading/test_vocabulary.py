"""One vocabulary of headings and words in five languages."""

import pytest

from mnstudy.cohort.loading.vocabulary import (
    column_of,
    columns_of,
    is_missing,
    level_of,
    plain,
    truth_of,
    unit_of,
)
from mnstudy.cohort.schema.columns import columns
from mnstudy.packaged import packaged

# of the others only what tells a person is known
WORDS = {k: v for k, v in packaged("cohort/loading/words.toml").items() if "columns" in v}
COMING = {"scar_type": {"keloid", "hypertrophic"}}


@pytest.mark.parametrize("language", WORDS)
def test_a_language_names_only_columns_and_levels_of_the_contract(language):
    table = WORDS[language]
    assert set(table["columns"]) <= set(columns())
    for column, levels in table["levels"].items():
        spec = columns()[column]
        allowed = set(spec.levels) | COMING.get(column, set())
        if spec.numeric:
            ends = [float(end) for level in levels for end in level.split(" to ")]
            assert all(spec.low <= end <= spec.high for end in ends)
        else:
            assert set(levels) <= allowed


@pytest.mark.parametrize("language", WORDS)
def test_every_language_has_words_for_the_core(language):
    core = [c for c, spec in columns().items() if spec.core]
    assert all(WORDS[language]["columns"][c] for c in core)
    for kind in ("missing", "yes", "no", "about", "grade", "filler"):
        assert WORDS[language][kind]


@pytest.mark.parametrize(
    ("heading", "column"),
    [
        ("Pat.-Nr.", "patient_id"),
        ("USUBJID", "patient_id"),
        ("Hasta No", "patient_id"),
        ("Paciente / Código", "patient_id"),
        ("Narbentyp", "scar_type"),
        ("Cicatriz / Tipo", "scar_type"),
        ("Skar tipi", "scar_type"),
        ("Type de cicatrice", "scar_type"),
        ("Nadellänge (mm)", "needle_depth_mm"),
        ("Nadellaenge (mm)", "needle_depth_mm"),
        ("İğne derinliği (mm)", "needle_depth_mm"),
        ("IGNE DERINLIGI", "needle_depth_mm"),
        ("Tratamiento / Profundidad aguja (mm)", "needle_depth_mm"),
        ("Tratamiento / Nº sesiones", "session_count"),
        ("Seans sayısı", "session_count"),
        ("Nombre de séances", "session_count"),
        ("Resultado / Mejoría (%)", "improvement_score"),
        ("İyileşme (%)", "improvement_score"),
        ("Verbesserung (%)", "improvement_score"),
        ("Schmerz (VAS 0-10)", "pain_score"),
        ("Ağrı (0-10)", "pain_score"),
        ("Schweregrad (Goodman/Baron)", "baseline_severity"),
        ("treat", "treatment"),
        ("improvment score", "improvement_score"),
    ],
)
def test_headings_are_known(heading, column):
    assert column_of(heading).column == column


def test_how_certain_a_heading_is():
    assert column_of("session_count").reason == "the contract's own name"
    assert column_of("Nadellänge (mm)").certainty == "certain"
    assert column_of("Resultado / Mejoría (%)").certainty == "likely"
    assert column_of("improvment score").certainty == "likely"
    assert column_of("improvement by two raters").certainty == "ask"
    assert column_of("Notiz").column == ""
    assert {m.column for m in columns_of("site")} == {"site_id", "clinic_id"}


@pytest.mark.parametrize(
    ("column", "word", "level"),
    [
        ("scar_type", "Rolling acne scar", "acne_rolling"),
        ("scar_type", "eisp.", "acne_icepick"),
        ("scar_type", "buz kıracağı", "acne_icepick"),
        ("scar_type", "Pic à glace", "acne_icepick"),
        ("scar_type", "acne_boxcar", "acne_boxcar"),
        ("scar_type", "gemischt", "acne_mixed"),
        ("scar_type", "Keloide", "keloid"),
        ("scar_type", "hypertrophe Narbe", "hypertrophic"),
        ("scar_type", "en sacabocados rolling", ""),
        ("scar_type", "nicht rollend", ""),
        ("sex", "KADIN", "female"),
        ("sex", "maennlich", "male"),
        ("sex", "varón", "male"),
        ("treatment", "Fractional CO2 laser", "laser"),
        ("treatment", "A", ""),
        ("adjunct", "NaCl", "none"),
        ("adjunct", "Plasma riche en plaquettes", "prp"),
        ("satisfaction_score", "sehr zufrieden", "10"),
        ("satisfaction_score", "memnun değil", "2.5"),
        ("improvement_score", "excellent", "75 to 100"),
        ("baseline_severity", "schwer", "4"),
    ],
)
def test_words_have_their_level(column, word, level):
    assert level_of(column, word) == level


def test_a_level_of_the_contract_is_itself():
    for name, spec in columns().items():
        assert all(level_of(name, level) == level for level in spec.levels)


def test_missing_yes_and_no():
    assert all(is_missing(w) for w in ("", " ", "k.A.", "n/a", "NA", "-", "?", "sin dato", "N.D."))
    assert not any(is_missing(w) for w in ("0", "keine", "none", "yok", "nein", "+"))
    assert all(truth_of(w) is True for w in ("ja", "Yes", "1", "sí", "Oui", "evet", "var", "+"))
    assert all(truth_of(w) is False for w in ("nein", "no", "0", "non", "hayır", "yok", "keine"))
    assert truth_of("Rötung 2 Tage") is truth_of("") is None


def test_spellings_of_a_word_are_one():
    assert plain("Größe") == plain("groesse") == plain("GROSSE")
    assert plain("İyileşme") == plain("iyilesme") == plain("IYILESME")
    assert plain("+") == "+"


def test_units_in_headings():
    said = {
        "Tiefe (µm)": "um",
        "Depth mm": "mm",
        "Mejoría (%)": "percent",
        "Interval (days)": "days",
    }
    assert {h: unit_of(h) for h in said} == said
    assert unit_of("Narbentyp") == unit_of("") == ""
