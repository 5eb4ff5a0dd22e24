"""Proposing a study file for a sheet with its own headings and words."""

import tomllib

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnstudy.cohort.loading.datasets import load
from mnstudy.cohort.proposing.propose import propose, propose_sheets, write_study
from mnstudy.cohort.reading.sheet import Sheet
from mnstudy.cohort.schema.columns import columns
from mnstudy.cohort.study.study import parse_study


def parsed(found):
    """Read the study text as load would; a line left to a person is a comment."""
    raw = tomllib.loads(found.study_text)
    return parse_study(raw, source="study.toml"), raw


def by_heading(found):
    return {p.heading: p for p in found}


def looked(cells, **more):
    frame = pd.DataFrame(cells)
    sheet = Sheet(cells=frame.set_axis(range(2, len(frame) + 2), axis=0), **more)
    return propose_sheets({"": sheet}, "sheet.csv")


@pytest.fixture
def german(tmp_path):
    rows = [
        ["17", "eisp.", "1500", 0, 0, "weiblich", "x"],
        ["17", "eisp.", "1500", 3, 35, "weiblich", "x"],
        ["18", "roll.", "2000", 0, 0, "m", "y"],
        ["18", "roll.", "2000", 4, 60, "m", "y"],
        ["19", "OP", "1500", 2, 20, "w", "z"],
    ]
    headings = ["Pat.-Nr.", "Narbentyp", "Tiefe", "Sitzungen", "Besserung", "Geschlecht", "Notiz"]
    path = tmp_path / "Narben 2025.csv"
    pd.DataFrame(rows, columns=headings).to_csv(path, index=False)
    return path


def test_a_german_sheet_can_be_read_after_init(german):
    study, found = write_study(german)
    assert '"eisp." -> acne_icepick' in str(found)
    assert "looks like micrometres" in str(found)
    raw = tomllib.loads(study.read_text(encoding="utf-8"))
    assert raw["columns"]["Pat.-Nr."] == "patient_id"
    assert raw["levels"]["scar_type"] == {
        "eisp.": "acne_icepick", "roll.": "acne_rolling", "OP": "surgical",
    }  # fmt: skip
    cohort = load(study)
    assert cohort.data["needle_depth_mm"].max() == 2.0
    assert cohort.data["scar_type"].tolist()[-1] == "surgical"
    assert set(cohort.data["sex"]) == {"female", "male"}
    assert not cohort.study.design_declared


def test_what_fits_nothing_is_left_for_a_person(german):
    study, found = write_study(german)
    assert by_heading(found)["Notiz"].certainty == "ask"
    assert '# "Notiz" = "?"' in study.read_text(encoding="utf-8")


def test_an_existing_study_file_is_left_alone(german):
    study = german.parent / "study.toml"
    study.write_text('design = "registry"\n')
    with pytest.raises(FileExistsError, match="exists already"):
        write_study(german)
    assert study.read_text() == 'design = "registry"\n'


def test_the_contract_s_own_names_need_no_mapping(sheet):
    found = propose(sheet)
    assert {p.certainty for p in found} == {"certain"}
    assert all(p.heading == p.column for p in found)
    assert found.asks == found.lacking == ()


def test_near_headings_are_likely_and_no_column_is_given_twice():
    found = propose(pd.DataFrame(columns=["session_count", "Sessions", "improvment score"]))
    assert [p.certainty for p in found] == ["certain", "ask", "likely"]
    assert found.columns[2].column == "improvement_score"


def test_headings_that_identify_are_refused_and_no_cell_is_shown():
    found = looked(
        {
            "Nr": [1, 2, 3],
            "Name": ["Müller, Anna", "Öztürk, Ayşe", "García, María"],
            "geb.": ["03.05.1986", "04.12.1981", "13.01.1975"],
            "Tel": ["0171 3378013", "0171 9535313", "0171 9353173"],
            "Mobilnummer": ["0171 3378013", "0171 9535313", "0171 9353173"],
            "Unbenannt": ["a@b.de", "c@d.de", "e@f.de"],
            "Termine": ["03.05.1946", "04.12.1981", "13.01.1975"],
            "Narbe": ["boxcar", "Fr. Müller kommt", "Schmidt, Jörg"],
            "Bemerkung": ["Fr. Müller kommt wieder", "sehr zufrieden", ""],
        }
    )
    kinds = {h: p.certainty for h, p in by_heading(found).items()}
    assert [h for h, c in kinds.items() if c == "refused"] == [
        "Name", "geb.", "Tel", "Mobilnummer", "Unbenannt", "Termine",
    ]  # fmt: skip
    assert by_heading(found)["Nr"].column == "patient_id"
    assert 'delete what identifies a person: "Name", "geb.", "Tel"' in found.asks[0]
    assert "it may name a person" in by_heading(found)["Bemerkung"].reason
    shown = str(found) + found.study_text + found._repr_html_()
    for secret in ("Müller", "Ayşe", "1986", "0171", "a@b.de", "1946", "Schmidt", "zufrieden"):
        assert secret not in shown


def test_ids_are_never_shown():
    ids = [f"canary{i}" for i in range(9)]
    found = looked({"Patient": ids, "site_id": [f"spot{i}" for i in range(9)]})
    assert "canary" not in str(found) + found.study_text + found._repr_html_()
    assert "spot" not in str(found) + found.study_text


def test_dates_of_birth_under_another_heading_are_refused():
    births = ["03.05.1946", "04.12.1981", "13.01.1975"]
    found = looked({"Pat": ["a", "b", "c"], "XY": births})
    assert by_heading(found)["XY"].certainty == "refused"
    assert "1946" not in str(found) + found.study_text


def test_a_guess_that_no_value_fits_is_no_guess():
    found = looked(
        {
            "Pat": ["P1", "P2", "P3"],
            "Besserung": ["gefällt mir gar nicht", "siehe oben unter eins", "kommt wieder vorbei"],
            "Infektion": ["Rötung 2 Tage", "leichte PIH", "Rötung"],
            "Nebenwirkungen": ["Rötung 2 Tage", "keine", "k.A."],
        }
    )
    for heading in ("Besserung", "Infektion", "Nebenwirkungen"):
        assert by_heading(found)[heading].column == ""
        assert by_heading(found)[heading].certainty == "ask"
    assert "no value fits" in by_heading(found)["Besserung"].reason
    assert "adverse events" in by_heading(found)["Nebenwirkungen"].reason


def test_a_column_is_never_certain_where_some_values_do_not_fit():
    found = looked({"Patient": ["P1", "P2", "P3"], "Sessions": ["3", "4", "3 (4 planned)"]})
    assert by_heading(found)["Sessions"].certainty == "likely"
    assert '# "3 (4 planned)" = "?"' in found.study_text
    assert any("3 (4 planned)" in ask for ask in found.asks)


CELLS = {
    "Patient": ["P1", "P2", "P3", "P4"],
    "Scar type": ["Rolling acne scar", "Boxcar scars", "ice pick", "Narbe"],
    "Needle": ["2,0 mm", "1500 µm", "0,5 mm", "1 mm"],
    "Sessions": ["2x", "5x", "3x", "4"],
    "Improvement": ["16 %", "%45", "ca. 50%", ">75"],
    "Interval": ["4 wks", "1 month", "6 weeks", "4 wks"],
    "Fototip": ["Typ III", "II", "4", "FST V"],
    "Grade": ["Gr. III", "GB 4", "GB 2-3", "2"],
    "Infection": ["evet", "hayır", "+", "-"],
}


def test_cells_with_units_ranges_grades_and_answers():
    found = looked(CELLS)
    assert found.units == {
        "needle_depth_mm": "in the cells", "session_count": "in the cells",
        "improvement_score": "in the cells", "session_interval_weeks": "in the cells",
    }  # fmt: skip
    assert found.levels["improvement_score"] == {"ca. 50%": 50, ">75": "75 to 100"}
    assert found.levels["baseline_severity"] == {"Gr. III": 3, "GB 4": 4}
    assert '# "GB 2-3" = "?"' in found.study_text
    assert found.levels["phototype"] == {"Typ III": "III", "FST V": "V"}
    answers = {"evet": "true", "hayır": "false", "+": "true", "-": "false"}
    assert found.levels["infection"] == answers
    assert any("about" in ask for ask in found.asks)
    parsed(found)


def test_units_come_from_headings_too():
    found = looked(
        {
            "Pat": ["a", "b"], "Tiefe (µm)": [1500, 1000], "Abstand (Tage)": [28, 42],
            "Alter": [34, 61], "Besserung (%)": [20, 30],
        }
    )  # fmt: skip
    assert found.units == {
        "needle_depth_mm": "um", "session_interval_weeks": "days", "age_band": "years",
    }  # fmt: skip


def test_some_values_in_micrometres_are_said_and_read():
    found = looked({"Pat": list("abcd"), "Tiefe": ["1,5", "1500", "2,0", "1,0"]})
    assert found.levels["needle_depth_mm"] == {"1500": 1.5}
    assert "1 values in µm" in by_heading(found)["Tiefe"].reason


def test_fractions_and_codes_are_asked():
    found = looked(
        {
            "patient_id": list("abcdef"),
            "improvement_score": [0.1, 0.25, 0.5, 0.45, 0.3, 0.2],
            "pain_score": [3, 99, 4, 99, 5, 2],
        }
    )
    assert found.units["improvement_score"] == "fraction"
    assert '# pain_score = ["99"]' in found.study_text
    assert any("0.45" in ask for ask in found.asks)
    assert any("99" in ask for ask in found.asks)
    assert by_heading(found)["pain_score"].certainty == "ask"


def test_words_for_missing_values():
    found = looked({"Pat": list("abc"), "Besserung": ["20", "k.A.", "sin dato"]})
    assert found.reading["missing"] == ["k.A.", "sin dato"]
    assert by_heading(found)["Besserung"].certainty == "certain"


def test_levels_of_numbers_in_words_are_for_a_person_to_choose():
    found = looked({"Pat": list("abc"), "Zufriedenheit": ["sehr zufrieden", "zufrieden", ""]})
    assert "satisfaction_score" not in found.levels
    assert '# "sehr zufrieden" = 10' in found.study_text
    assert any("for you to choose" in ask for ask in found.asks)


def test_another_scale_of_satisfaction_is_asked():
    found = looked({"Paciente": list("abc"), "Satisfacción (1-4)": [1, 4, 3]})
    held = by_heading(found)["Satisfacción (1-4)"]
    assert (held.column, held.certainty, held.held) == ("satisfaction_score", "ask", True)
    assert '# "Satisfacción (1-4)" = "satisfaction_score"' in found.study_text
    assert "its scale runs 1 to 4" in held.reason


def test_arms_without_a_meaning_are_stubs_with_their_choices():
    found = looked({"USUBJID": [f"01-{i}" for i in range(12)], "treat": ["A", "P"] * 6})
    assert by_heading(found)["treat"].column == "treatment"
    assert '# "A" = "?"' in found.study_text
    assert "# one of needling, rf_needling" in found.study_text
    assert found.design == "registry"


def test_own_words_for_arms_are_offered_as_their_names():
    arms = ["Dermapen 4", "Fractional CO2 laser"] * 6
    found = looked({"Patient": [f"P{i}" for i in range(12)], "Gruppe": arms})
    assert found.levels["treatment"] == {"Dermapen 4": "needling", "Fractional CO2 laser": "laser"}
    assert '# laser = "Fractional CO2 laser"' in found.study_text


def test_m_beside_h_is_a_woman_or_not():
    found = looked({"Paciente": list("abcd"), "Sexo": ["H", "M", "M", "H"]})
    assert found.levels["sex"] == {"H": "male"}
    assert '# "M" = "?"' in found.study_text


def test_before_and_after_on_two_scales():
    cells = {"ID": [f"P{i}" for i in range(6)], "Sitzungen": [3] * 6}
    cells |= {"GB vorher": [3, 4] * 3, "GB nachher": [2, 3] * 3}
    cells |= {"ECCA vorher": [80, 60] * 3, "ECCA nachher": [40, 50] * 3}
    found = looked(cells)
    study, raw = parsed(found)
    scale = "Goodman-Baron qualitative"
    assert raw["rows"] == [
        {"set": {"session_count": 0, "weeks": 0, "scale": scale},
         "columns": {"GB vorher": "scale_score"}},
        {"set": {"scale": scale}, "columns": {"GB nachher": "scale_score"}},
    ]  # fmt: skip
    assert '# columns = { "ECCA nachher" = "scale_score" }' in found.study_text
    assert any("which scale counts" in ask for ask in found.asks)
    assert len(study.reading.rows) == 2


def test_left_and_right_with_their_arms():
    cells = {"Patient": [f"P{i}" for i in range(6)], "Depth": [1.5] * 6, "Sessions": [3] * 6}
    cells |= {"Left (PRP) improvement %": [30] * 6, "Right (saline) improvement %": [20] * 6}
    found = looked(cells)
    study, raw = parsed(found)
    assert [block["set"] for block in raw["rows"]] == [
        {"site_id": "left", "adjunct": "prp"}, {"site_id": "right", "adjunct": "none"},
    ]  # fmt: skip
    assert study.design == "split_body"
    assert found.lacking == ("scar_type",)
    assert "scar_type = ?" in found.study_text


def test_visits_in_columns():
    cells = {"USUBJID": [f"01-{i}" for i in range(6)], "vas_base": [51, 49, 54] * 2}
    cells |= {"vas_wk4": [35, 33, 20] * 2, "vas_wk12": [25, 17, 23] * 2}
    found = looked(cells)
    _, raw = parsed(found)
    assert [b["set"].get("weeks") for b in raw["rows"]] == [0, 4, 12]
    assert {b["set"]["scale"] for b in raw["rows"]} == {"VAS 100"}
    assert found.lacking == ("scar_type", "needle_depth_mm", "session_count")


def test_one_visit_holds_several_measures():
    cells = {"Pat": list("abc")}
    cells |= {f"{what} {week}": [1, 2, 3] for what in ("pain", "texture") for week in ("w4", "w12")}
    _, raw = parsed(looked(cells))
    assert raw["rows"] == [
        {"set": {"weeks": w},
         "columns": {f"pain w{w}": "pain_score", f"texture w{w}": "texture_score"}}
        for w in (4, 12)
    ]  # fmt: skip


def test_a_measure_of_one_visit_only_goes_to_that_visit():
    cells = {"Pat": list("abc"), "Improvement 4w": [1, 2, 3], "Improvement 12w": [2, 3, 4]}
    _, raw = parsed(looked(cells | {"Satisfaction 12w": [7, 8, 9]}))
    assert raw["rows"][1]["columns"]["Satisfaction 12w"] == "satisfaction_score"
    assert len(raw["rows"]) == 2


@pytest.mark.parametrize(
    "headings", [("Before", "After"), ("Week 0", "Week 4"), ("POSAS before", "POSAS after")]
)
def test_a_measure_without_a_known_name_is_asked(headings):
    found = looked({"Patient": list("abc"), headings[0]: [3, 4, 3], headings[1]: [2, 3, 2]})
    assert [p.column for p in found] == ["patient_id", "", ""]
    assert any("one measure at several" in ask for ask in found.asks)
    assert 'scale = "?" }' in found.study_text


def test_a_treatment_and_a_substance_in_one_word_are_read_as_both_and_asked():
    found = looked(
        {"Patient": list("abcd"), "Gruppe": ["Microneedling + PRP", "Microneedling"] * 2}
    )
    assert found.levels["treatment"] == {
        "Microneedling + PRP": "needling + prp",
        "Microneedling": "needling",
    }
    assert any("a treatment with a substance; is that so?" in ask for ask in found.asks)


def test_two_dates_without_a_known_heading_are_taken_in_their_order_and_asked():
    dates = {"A": ["01.02.24", "03.02.24"], "B": ["01.05.24", "25.05.24"]}
    found = looked({"Patient": ["P1", "P2"], "Datum B": dates["B"], "Datum A": dates["A"]})
    weeks = {"to": "Datum B", "since": "Datum A"}
    assert found.dates == {"format": "DD.MM.YY", "weeks": weeks}
    assert any("is that the first session?" in ask for ask in found.asks)
    assert any("two digits" in ask for ask in found.asks)


def test_a_line_may_be_of_pain():
    found = looked({"Patient": list("abc"), "VAS": [3.5, 4.0, 5.0]})
    assert by_heading(found)["VAS"].certainty == "ask"
    assert found.rows == ()
    assert '# set = { scale = "VAS" }' in found.study_text
    assert any("pain_score" in ask for ask in found.asks)


def test_one_date_a_patient_gives_no_weeks():
    cells = {"Patient": list("abc"), "Date": ["2024-01-02", "2024-02-20", "2024-03-03"]}
    found = looked(cells)
    assert found.dates == {}
    assert "gives no weeks" in by_heading(found)["Date"].reason
    both = looked(cells | {"Follow-up (months)": [3, 6, 3]})
    assert both.units == {"weeks": "months"}


def sheet_of(frame, name):
    return Sheet(cells=frame.set_axis(range(2, len(frame) + 2), axis=0), worksheet=name)


def test_a_worksheet_for_each_visit(sheet):
    names = {"Baseline": 0, "Visit 1 (4 wk)": 4, "Kontrolle nach 3 Monaten": 13}
    sheets = {name: sheet_of(sheet, name) for name in names}
    sheets["Legende"] = sheet_of(pd.DataFrame({"Kürzel": ["x"], "Bedeutung": ["y"]}), "Legende")
    found = propose_sheets(sheets, "visits.xlsx")
    _, raw = parsed(found)
    assert {b["sheet"]: b["set"]["weeks"] for b in raw["rows"]} == names
    assert any('"Legende" is not read' in ask for ask in found.asks)


def test_worksheets_of_different_patients_need_no_week(sheet):
    other = sheet.assign(patient_id=sheet["patient_id"].str.replace("P", "Q"))
    sheets = {"2024": sheet_of(sheet, "2024"), "2025": sheet_of(other, "2025")}
    found = propose_sheets(sheets, "years.xlsx")
    assert parsed(found)[1]["rows"] == [{"sheet": "2024"}, {"sheet": "2025"}]
    assert found.asks == ()
    assert found.n_rows == 2 * len(sheet)


def test_one_worksheet_of_several_is_named(sheet):
    sheets = {"Info": sheet_of(pd.DataFrame({"Titel": ["x", "y"]}), "Info")}
    sheets["Data"] = sheet_of(sheet, "Data")
    found = propose_sheets(sheets, "one.xlsx")
    assert found.reading["sheet"] == "Data"
    assert 'sheet "Data", header in row 1' in str(found)


def test_headings_below_a_title(sheet):
    table = Sheet(cells=sheet, worksheet="Auswertung", header=(3,))
    found = propose_sheets({"Auswertung": table}, "a.xlsx")
    assert found.reading["header"] == 3
    assert str(found).startswith('sheet "Auswertung", header in row 3, 12 rows read')


def test_visits_in_words_and_a_raw_score():
    words = ["Vor Therapie", "Nach 3 Monaten", "6 Monate"]
    cells = {"Pat": [f"P{i}" for i in range(4) for _ in words], "Zeitpunkt": words * 4}
    found = looked(cells | {"ECCA": [60, 53, 50] * 4})
    study, raw = parsed(found)
    assert raw["levels"]["weeks"] == {"Vor Therapie": 0, "Nach 3 Monaten": 13, "6 Monate": 26}
    assert by_heading(found)["Zeitpunkt"].certainty == "ask"
    assert raw["rows"] == [{"set": {"scale": "ECCA"}, "columns": {"ECCA": "scale_score"}}]
    assert study.reading.rows


def test_dates_become_weeks():
    found = looked(
        {
            "Pat": list("abc"),
            "Datum Erstbehandlung": ["12.01.2024", "08.01.2024", "23.04.2024"],
            "Datum Kontrolle": ["03.05.2024", "22.07.2024", "13.08.2024"],
        }
    )
    assert parsed(found)[1]["dates"] == {
        "format": "DD.MM.YYYY",
        "weeks": {"to": "Datum Kontrolle", "since": "Datum Erstbehandlung"},
    }
    assert found.asks == ()


def test_dates_that_can_be_read_two_ways_are_asked():
    cells = {"Patient": ["a", "a", "b"], "Visit date": ["01/02/2024", "03/04/2024", "05/06/2024"]}
    found = looked(cells)
    assert found.dates["format"] == "DD/MM/YYYY"
    assert any("day and month" in ask for ask in found.asks)
    plain = looked(cells | {"Visit date": ["2024-01-02", "2024-02-20", "2024-03-03"]})
    assert plain.dates == {"format": "YYYY-MM-DD", "weeks": {"to": "Visit date"}}
    assert plain.asks == ()


def test_ids_filled_down_and_totals():
    found = looked(
        {
            "Pat": ["P1", "", "P2", "", "P3", "", "Mittelwert"],
            "Geschlecht": ["w", "", "m", "", "w", "", ""],
            "Sitzungen": [0, 3, 0, 4, 0, 2, 1.5],
            "Besserung": [0, 30, 0, 40, 0, 20, 15],
        }
    )
    assert found.reading["fill_down"] == ["Pat", "Geschlecht"]
    assert found.n_rows == 6
    assert any("row 8 looks like a total" in ask for ask in found.asks)


def test_ids_that_are_alike_are_asked():
    found = looked({"patient_id": ["P01", "p01", "P2"], "session_count": [1, 2, 3]})
    assert '# ids = "ignore capitals and leading zeros"' in found.study_text
    assert any("are they one patient" in ask for ask in found.asks)


@pytest.mark.parametrize(
    ("site", "column"), [(["S1", "S2"], "clinic_id"), (["left", "right"], "site_id")]
)
def test_a_trial_centre_is_no_treated_site(site, column):
    found = looked({"USUBJID": [f"01-{i}" for i in range(8)], "site": site * 4})
    assert by_heading(found)["site"].column == column


def test_a_number_of_the_row_is_not_the_patient():
    found = looked({"Nr": [1, 2, 3, 4], "Patient": ["a", "a", "b", "b"]})
    assert by_heading(found)["Patient"].column == "patient_id"
    assert by_heading(found)["Nr"].column == ""


def test_labels_and_titles_of_a_labelled_file():
    labels = {
        "scar": {"1": "rolling", "2": "boxcar"},
        "impr": {"1": "<25 %", "2": "25-49 %", "3": "50-74 %", "4": ">=75 %", "99": "fehlend"},
    }
    cells = {"pid": [1.0, 2.0, 3.0], "scar": [1.0, 2.0, 1.0], "impr": [1.0, 3.0, 99.0]}
    titles = {"vas": "Schmerz VAS"}
    found = looked(cells | {"vas": [3.5, 4.0, 5.0]}, labels=labels, titles=titles)
    assert found.levels["scar_type"] == {"1": "acne_rolling", "2": "acne_boxcar"}
    assert found.levels["improvement_score"] == {"1": "0 to 25", "3": "50 to 75"}
    assert '"1" = "acne_rolling"     # rolling' in found.study_text
    assert found.reading["missing"] == {"improvement_score": ["99"]}
    assert by_heading(found)["vas"].column == "pain_score"
    parsed(found)


def test_codes_that_the_file_calls_by_words_are_no_numbers():
    words = {"1": "sehr zufrieden", "2": "zufrieden", "3": "unzufrieden"}
    ends = {"0": "kein Schmerz", "10": "stärkster Schmerz"}
    cells = {"pid": list("abc"), "sat": ["1", "2", "3"], "pain": ["0", "10", "4"]}
    found = looked(cells, labels={"sat": words, "pain": ends}, titles={"sat": "Zufriedenheit"})
    held = by_heading(found)["sat"]
    assert (held.column, held.certainty, held.held) == ("satisfaction_score", "ask", True)
    assert '# "1" = 10' in found.study_text
    assert by_heading(found)["pain"].certainty == "certain"
    parsed(found)


def test_an_export_of_redcap():
    checks = {"0": "Unchecked", "1": "Checked"}
    cells = {"record_id": ["1", "2"], "redcap_event_name": ["a", "b"], "ae___2": ["1", "0"]}
    cells |= {"ae___9": ["1", "0"], "session_complete": ["2", "2"]}
    found = looked(
        cells,
        labels={"ae___2": checks, "ae___9": checks},
        titles={"ae___2": "Adverse events: Bruising", "ae___9": "Adverse events: Erythema"},
    )
    kinds = by_heading(found)
    assert kinds["redcap_event_name"].reason == "administrative; not used"
    assert kinds["session_complete"].reason == "administrative; not used"
    assert kinds["ae___2"].column == "bruising"
    assert kinds["ae___9"].column == ""


def test_headings_that_stand_twice_or_nowhere():
    frame = pd.DataFrame([["P1", 1, 2, "x"]], columns=["Pat", "Tiefe", "Tiefe", ""])
    found = looked(frame)
    assert [p.column for p in found] == ["patient_id", "", "", ""]
    assert sum("stands twice" in ask for ask in found.asks) == 1


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(),
        pd.DataFrame(columns=["Pat"]),
        pd.DataFrame({"Pat": [None, None]}),
        pd.DataFrame({1: [1], ("a", "b"): [2]}),
        pd.DataFrame({'a"b\\c\n\x7f': ["x"], "\u2028": ["y"], "🙂": ["z"]}),
        pd.DataFrame({"Narbe": ['eisp"', "a\nb", "\x00", "\x7f"]}),
        pd.DataFrame({"Pat": pd.Categorical(["a"]), "Infection": [True]}),
        pd.DataFrame({"Besserung": [float("inf")], "Datum": [pd.Timestamp("2024-01-02")]}),
        pd.DataFrame({"Datum": [pd.Timestamp("2024-01-02"), pd.NaT], "x": [pd.Timedelta(1), None]}),
    ],
)
def test_strange_tables_give_a_study_file_all_the_same(frame):
    parsed(propose(frame))


CELL = st.one_of(
    st.text(max_size=12), st.integers(-200, 9999), st.floats(), st.booleans(), st.none(),
    st.sampled_from(["k.A.", "ca. 50", ">75", "1,5 mm", "Gr. III", "01.02.2024", "M", "H", "-99"]),
)  # fmt: skip
HEADING = st.one_of(
    st.text(max_size=15),
    st.sampled_from([*columns(), "Pat", "ECCA vorher", "ECCA nachher", "left (PRP)", "vas_wk4",
                     "Datum Kontrolle", "Alter", "Sexo", "site", "GB w4", "GB base", "Visit 1"]),
)  # fmt: skip


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_any_table_gives_a_study_file_that_is_read(data):
    headings = data.draw(st.lists(HEADING, max_size=6, unique=True))
    rows = data.draw(st.lists(st.tuples(*[CELL for _ in headings]), max_size=6))
    found = propose(pd.DataFrame(rows, columns=headings, dtype=object))
    parsed(found)
    given = [p.column for p in found if p.place == "columns" and not p.held]
    assert len(given) == len(set(given))
    assert all(p.fit.share == 1 for p in found if p.certainty == "certain")


def test_ids_of_a_trial_are_no_dates():
    ids = [f"01-{i:02}-{100 + i}" for i in range(1, 9)]
    proposed = by_heading(looked({"USUBJID": ids, "Scar": ["burn"] * 8}))["USUBJID"]
    assert (proposed.column, proposed.certainty) == ("patient_id", "certain")


def test_dates_are_told_by_what_the_file_calls_them():
    dates = {"d1": ["03.02.2024"] * 3, "d2": ["13.04.2024"] * 3}
    titles = {"d1": "Date of first session", "d2": "Date of control"}
    found = looked({"ID": ["a", "b", "c"], **dates}, titles=titles)
    assert found.dates["weeks"] == {"to": "d2", "since": "d1"}


def test_ages_with_their_unit_become_bands():
    found = looked({"Paciente": ["P1", "P2"], "Edad": ["34 años", "51 años"]})
    assert found.units == {"age_band": "in the cells"}


def test_what_is_like_a_column_that_is_given_already_is_asked_about():
    found = looked({"ID": ["a", "b"], "Improvement": [10, 20], "Improvement %": [15, 25]})
    assert any('"Improvement %": improvement_score is given already' in a for a in found.asks)


def test_headings_that_differ_in_one_letter_are_not_alike():
    gain = {"Amélioration D": [10, 20], "Amélioration G": [15, 25]}
    found = looked({"Patient": ["a", "b"], **gain})
    assert "improvement_score" in found.lacking
    assert all(any(f'"{h}"' in ask for ask in found.asks) for h in gain)


def test_weeks_are_read_off_no_range_of_weeks():
    found = looked({"ID": ["a", "b"], "Visit": ["3-4 Wochen", "nach 6 Wochen"]})
    assert found.levels["weeks"] == {"nach 6 Wochen": 6}


def test_a_remark_below_the_table_is_no_patient():
    rows = {
        "ID": ["P1", "P2", "* seen once only"],
        "Scar": ["burn", "burn", ""],
        "Depth": [1, 2, ""],
    }
    found = looked(rows)
    assert found.n_rows == 2
    assert any("row 4 looks like" in ask for ask in found.asks)


def test_all_that_is_filled_down_is_named():
    rows = {"ID": ["P1", "", "P2", ""], "Scar": ["burn", "", "burn", ""], "Week": [0, 4, 0, 4]}
    assert any('"ID" and "Scar"' in ask for ask in looked(rows).asks)


def test_numbers_of_a_follow_up_without_a_unit_are_asked_about():
    ask = "are its numbers weeks?"
    found = looked({"ID": ["a", "b"], "Follow-up": [3, 6]})
    assert any(f'"Follow-up": {ask}' in a for a in found.asks)
    for heading in ("Follow-up (months)", "weeks", "Woche"):
        assert ask not in " ".join(looked({"ID": ["a", "b"], heading: [3, 6]}).asks)


def test_satisfaction_from_one_to_five_is_asked_about():
    found = looked({"ID": list("abcd"), "Satisfaction": [1, 3, 5, 4]})
    assert any('"Satisfaction": words stand for numbers' in ask for ask in found.asks)
    found = looked({"ID": list("abcd"), "Satisfaction": [1, 3, 8, 4]})
    assert not any('"Satisfaction"' in ask for ask in found.asks)


def test_the_weeks_of_both_sides_after_treatment_are_asked_for():
    sides = {
        f"{side} ECCA {time}": [80, 70] for side in ("left", "right") for time in ("pre", "post")
    }
    found = looked({"ID": ["a", "b"], "Scar": ["burn"] * 2, **sides})
    assert len(found.rows) == 4
    assert any("how many weeks" in ask for ask in found.asks)


def test_pain_in_millimetres_is_no_pain_of_ten():
    proposed = by_heading(looked({"ID": list("abcd"), "Pain VAS (mm)": [0, 3, 6, 9]}))
    assert proposed["Pain VAS (mm)"].held
    depth = by_heading(looked({"ID": ["a", "b"], "Needle depth (mm)": [1, 2]}))
    assert not depth["Needle depth (mm)"].held


def test_two_skin_types_in_a_cell_are_none():
    found = looked({"ID": ["a", "b"], "Skin type": ["II-III", "Fitzpatrick IV"]})
    assert found.levels["phototype"] == {"Fitzpatrick IV": "IV"}


def test_levels_of_a_column_that_is_held_are_a_comment():
    labels = {"impr": {"1": "mild", "2": "good"}}
    found = looked({"ID": list("abcd"), "impr": [1, 2, 1, 2]}, labels=labels)
    assert "levels" not in parsed(found)[1]
    assert "# [levels.improvement_score]" in found.study_text
