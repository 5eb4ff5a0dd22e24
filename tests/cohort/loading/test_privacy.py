"""What identifies a person is refused or told of, in six languages, and never repeated."""

import re
import warnings
import zipfile

import numpy as np
import pandas as pd
import pytest

import mnstudy as mn
from mnstudy.cohort.loading.persons import identifying
from mnstudy.cohort.loading.privacy import identifies
from mnstudy.cohort.loading.vocabulary import words_in
from mnstudy.cohort.proposing.propose import propose, write_study
from mnstudy.cohort.proposing.workbooks import mark
from mnstudy.cohort.scales import registry
from mnstudy.cohort.schema.columns import columns

MAILS = [
    "anneliese.hofer@gmx.de", "k.brandt@uni-klinik.example.de", "jane_doe@mail.co.uk", "a@b.fr",
    "marie-claire.petit@orange.fr", "jose.garcia@correo.es", "ayse.kaya@hotmail.com.tr",
    "wangxiaoming@qq.com", "li.wei@163.com", "x+study@host.org", "info(at)praxis-nord.de",
    "hans [at] web.de", "hans.m(at)web(dot)de", "J.Doe@EXAMPLE.COM", "dr.weber@derma.ch",
    "mehmet@ornek.com.tr", "paciente1@salud.gob.es", "julie@chu-lyon.fr", "müller@web.de",
    "Mail: o.brien@nhs.net",
]  # fmt: skip
PHONES = [
    "+49 171 2345678", "0171 2345678", "0171/2345678", "(030) 2345678", "01712345678",
    "+43 664 1234567", "0041 79 123 45 67", "079 123 45 67", "+44 7911 123456", "07911 123456",
    "+1 202 555 0143", "(202) 555-0143", "202-555-0143", "06 12 34 56 78", "+33 1 42 68 53 00",
    "+34 612 34 56 78", "612 34 56 78", "+90 532 123 45 67", "0532 123 45 67", "13812345678",
    "+86 138 1234 5678",
]  # fmt: skip
BIRTHS = [
    "19850312", "12031985", "850312", "12.03.1985", "12.3.85", "07.02.1988", "1985-03-12",
    "1985/3/12", "12/03/1985", "12-Mar-1985", "3 Mar 1985", "March 12, 1985", "12 März 1985",
    "12. Dezember 1985", "12 de marzo de 1985", "3 dic 1979", "12 août 1985", "5 février 1990",
    "12 Ağustos 1985", "3 Şubat 1970", "1985年3月12日", "12.03.1985 00:00", "١٢/٠٣/١٩٨٥",
]  # fmt: skip
NUMBERS = [
    "DE89 3704 0044 0532 0130 00", "FR14 2004 1010 0505 0001 3M02 606", "ES9121000418450200051332",
    "TR330006100519786457841326", "GB29NWBK60161331926819", "63281024753", "72 790 546 182",
    "97310235932", "17150165398", "21609498D", "01104837D", "Y7360101T", "1 84 12 75 248 186 52",
    "184127551183351", "945 541 3299", "936 858 3668", "110105194912318048", "756.2899.9712.58",
    "6492 150378", "212-17-7792", "A181058484", "65170839J003", "MRN 0012345", "Fall-Nr. 4711123",
    "NHC 123456", "TC Kimlik No: 12345678901", "住院号 0012345",
]  # fmt: skip
ADDRESSES = [
    "Lindenstraße 7", "Hauptstr. 12, 80331 München", "Am Bahnhofplatz 3", "Ringstrasse 44a",
    "Mühlenweg 9", "Wiener Gasse 5", "12 Baker Street", "221B Baker St", "7 Old Mill Road, Leeds",
    "1600 Pennsylvania Avenue", "12 rue de la Paix", "8, avenue Victor Hugo", "3 bis rue Molière",
    "45 boulevard Voltaire", "Calle Mayor 5", "Avda. de América, 23", "Plaza de España nº 2",
    "Atatürk Caddesi No: 5", "Gül Sokak 12", "Bağdat Cad. 44/3", "中山路12号", "人民大街105号",
]  # fmt: skip
NAMES = [
    "Hans Gruber", "MUELLER", "MÜLLER HANS", "Mueller1985", "Hans_Mueller", "hans.mueller",
    "Quistorp, Annelore", "mueller-h-1985", "HansMueller", "Jane Whitaker", "O'Brien", "McAllister",
    "Hans M.", "H.M.", "Jean-Pierre Dubreuil", "Élise Chabrol", "José García López", "Zurita",
    "Ayşe Yılmaz", "AYSE YILMAZ", "Şükrü", "王小明", "李伟", "欧阳娜娜", "Li", "Иванов Иван",
    "محمد علي", "Nguyễn Văn A",
]  # fmt: skip
LEGAL = [
    "001-0000123", "000012345", "01-02-03", "12-05-21", "01-701-1000", "2019-001", "2019/001",
    "D0001", "KZ-AB", "AB-CD", "P-A", "UKSH-Kiel", "alpha", "anon", "site-one", "P001", "17",
    "S01-001-003", "C1-P07", "NCT01234567", "DRKS00012345", "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "5d41402abc4b2a76b9719d911017c592", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "0049123", "1.2.10",
    "patient A", "Pat. A", "Patientin 3", "Proband-07", "sujet 12", "paciente 4", "hasta_12",
    "患者3", "asif2016-mn-001", "XKCD", "pat_9", "DE-001", "0012-00034", "Wien-07", "1234567890",
]  # fmt: skip
ORDINARY = {
    "de": [
        "Kontrolle telefonisch", "sehr zufrieden", "Praxis Nord", "Leichte Rötung", "Gute Heilung",
        "Wange links", "Rötung 2 Tage, dann abgeheilt", "Kontrolle am 12.03.2024", "OP-Narbe Knie",
        "Nadellänge 1,5 mm", "Patientin wünscht weitere Sitzung", "Termin verschoben auf 3.4.2024",
        "Anruf am 12.3.24, keine Beschwerden", "Hautklinik Kiel", "Starke Schmerzen",
        "Guter Effekt",
    ],
    "en": [
        "Fraxel Dual", "Dermapen 4", "Secret RF", "Dr. Pen M8", "very satisfied", "Left cheek",
        "mild erythema for 2 days", "Phone review on 12 Mar 2024", "Goodman and Baron",
        "10-12 passes, pinpoint bleeding", "EMLA 60 minutes", "Lot 20240312-07", "Derma Roller",
        "see doi:10.1097/DSS.0000000000000123", "NCT01234567, 2019-2021", "Full Face",
    ],
    "fr": [
        "très satisfaite", "Joue gauche", "rougeur 3 jours", "Contrôle téléphonique",
        "Aucune réaction", "séance reportée au 12/03/2024", "Clinique du Parc", "Bonne tolérance",
        "aiguilles de 1,5 mm", "crème anesthésiante 45 min", "revue le 3 mars 2024",
    ],
    "es": [
        "muy satisfecho", "Mejilla izquierda", "eritema leve 2 días", "Buena evolución",
        "Sin dolor", "revisión el 12/03/2024", "Clínica Norte", "control telefónico",
        "agujas de 2 mm", "crema anestésica", "acude el 3 de marzo de 2024",
    ],
    "tr": [
        "çok memnun", "Sol yanak", "hafif kızarıklık 2 gün", "Telefonla görüşme",
        "Kontrole gelmedi", "kontrol 12.03.2024", "Dermatoloji Kliniği", "seans ertelendi",
        "1,5 mm iğne", "Sağ Yanak", "ağrı yok", "iyileşme iyi",
    ],
}  # fmt: skip
HEADINGS = [
    "Name", "first_name", "PatientName", "e-mail", "DOB", "birth date", "Date of Birth", "geb.",
    "Geb.-Datum", "GebDatum", "Geburtsjahr", "Tel", "Tel.", "Handy", "Nachname", "Patientenname",
    "Adresse", "Straße", "Hausnr", "Kontakt", "KVNR", "AHV-Nr", "Hausarzt", "Initialen",
    "Hospital number", "IBAN", "doğum tarihi", "DOGUM TARIHI", "isim", "Soyadı", "Ad Soyad",
    "T.C. Kimlik No", "fecha de nacimiento", "Nombre", "Paciente / Nombre", "apellidos", "DNI",
    "date de naissance", "Né(e) le", "Prénom", "Téléphone", "MRN", "PLZ", "Cognome", "姓名",
    "患者姓名", "出生日期", "电话", "الاسم", "تاريخ الميلاد", "Имя", "Дата рождения",
]  # fmt: skip
OTHER_HEADINGS = [
    "Nombre de séances", "Nom du produit", "Narbentyp", "Pat.-Nr.", "device", "device name",
    "clinic_name", "scale_name", "drug name", "street_food", "mobile_device", "address_of_pore",
    "tel_aviv", "telangiectasia", "Kontrolle", "improvement", "adjunct", "Datum Kontrolle",
    "renaming", "site", "center", "treatment", "Bemerkung", "Fallnummer",
]  # fmt: skip
NAME = "Annelore Quistorp"  # on no list: told by its form alone


def sheet(n=12, **cells):
    frame = pd.DataFrame(
        {
            "patient_id": [f"ZQ{i:03d}" for i in range(1, n + 1)],
            "scar_type": "acne_rolling",
            "needle_depth_mm": 1.5,
            "session_count": 3,
            "improvement_score": [10 + i % 50 for i in range(n)],
        }
    ).astype(object)
    return frame.assign(**cells)


def everything(report):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        html, table = report._repr_html_(), report.to_frame().to_string()
    return "\n".join([str(report), html, table, report.paste, *report.notes])


@pytest.mark.parametrize("text", MAILS + PHONES + BIRTHS + NUMBERS + ADDRESSES + NAMES)
def test_an_id_that_identifies_is_refused(text):
    assert identifying(text)


@pytest.mark.parametrize("text", LEGAL)
def test_a_pseudonym_is_none(text):
    assert identifying(text) == ""


@pytest.mark.parametrize(
    ("texts", "what"),
    [
        (MAILS, "a mail address"),
        (PHONES, "a phone number"),
        ([b for b in BIRTHS if not b.isdigit()], "a date of birth"),
        (NUMBERS, "a number"),
        (ADDRESSES, "an address"),
    ],
)
def test_the_same_is_found_within_a_text(texts, what):
    inside = [*texts, *(f"laut Akte: {text}" for text in texts)]
    assert [t for t in inside if identifying(t, prose=True) != what] == []


def test_most_names_are_found_in_other_texts_than_ids():
    found = [n for n in NAMES if identifying(n, prose=True)]
    assert len(found) >= 15
    for text in (
        "Frau Quistorp kam nicht",
        "Mme Chabrol",
        "Sra. Zurita",
        "Ayşe Hanım",
        "Mr Whitaker",
    ):
        assert identifying(text, prose=True) == "a name"


@pytest.mark.parametrize("language", ORDINARY)
def test_ordinary_texts_of_a_clinic_are_no_alarm(language):
    assert {
        t: identifying(t, prose=True) for t in ORDINARY[language] if identifying(t, prose=True)
    } == {}


def test_nothing_that_the_package_knows_is_an_alarm():
    known = [w for w in words_in() if w not in {*words_in("persons")}]
    known += [x for c in columns().values() for x in (c.name, c.meaning, *c.levels)]
    known += [x for s in registry().values() for x in (s.name, *s.aliases)]
    assert [w for w in known if identifying(w, prose=True)] == []


@pytest.mark.parametrize("heading", HEADINGS)
def test_a_heading_that_identifies_is_refused(heading):
    assert identifies(heading)


@pytest.mark.parametrize("heading", OTHER_HEADINGS)
def test_other_headings_are_not(heading):
    assert not identifies(heading)


def test_numbers_that_hold_by_chance_are_ids():
    rng = np.random.default_rng(5)
    for size in (6, 8, 9, 10, 11):
        ids = [f"{x:0{size}d}" for x in rng.choice(10**size, 300, replace=False)]
        report = mn.validate(sheet(300, patient_id=ids))
        assert "pseudonym" not in str(report)
    births = [f"{y}0{m}1{d}" for y in (71, 82, 93) for m in (1, 5) for d in (1, 4)]
    assert "a date of birth" in str(mn.validate(sheet(patient_id=births)))


def test_one_problem_a_column_with_all_its_rows():
    cells = ["ok", "Tel 0171 2345678", "x", "hans@web.de", *["-"] * 8]
    report = mn.validate(sheet(Bemerkung=cells))
    (problem,) = report.problems
    assert (problem.column, problem.rows, problem.value) == ("Bemerkung", (3, 5), "(not shown)")
    assert problem.masked
    assert "a phone number and a mail address" in problem.rule


def test_names_and_addresses_beside_the_ids_are_told_of():
    cohort = mn.load(sheet(Bemerkung=["Frau Quistorp links", "Lindenstraße 7", *["-"] * 10]))
    (note,) = [x for x in cohort.notes if "may hold a name" in x]
    assert note.startswith("Bemerkung: 2 cells")


def test_a_column_of_dates_is_no_column_of_births():
    days = [f"{d:02d}.03.{y}" for d in (1, 2, 3) for y in (1988, 1999, 2020, 2021)]
    assert mn.validate(sheet(Unfall=days)).ok
    one = mn.validate(sheet(Unfall=["12.03.1985", *["-"] * 11]))
    assert "a date of birth" in str(one)


@pytest.mark.parametrize("text", ["Tel 0171 2345678", "hans@web.de", "geb. 12.03.1985"])
def test_texts_of_a_study_file_are_refused(text):
    for study in (
        {"title": text}, {"source": text}, {"limits": [{"scope": "all", "says": text}]},
        {"arms": {"needling": text}}, {"licence": text},
    ):  # fmt: skip
        report = mn.validate(sheet(), study=study)
        (problem,) = report.problems
        assert problem.column.split()[0] in study or problem.column.split(".")[0] in study
        assert text not in everything(report)


def test_a_name_in_a_study_file_is_told_of():
    cohort = mn.load(sheet(), study={"title": f"Narben von {NAME}", "limits": []})
    assert not any("may hold" in n and NAME in n for n in cohort.notes)
    cohort = mn.load(sheet(), study={"title": "Narben von Frau Quistorp"})
    assert [n for n in cohort.notes if n.endswith(": title")]


PLANTED = (NAME, "Maria Schmidt", "Frau Quistorp", "Schmidt, Maria", "Ayşe Yılmaz")


@pytest.mark.parametrize(
    ("column", "name"), [(c, PLANTED[i % 5]) for i, c in enumerate([*columns(), "Bemerkung"] * 2)]
)
def test_a_name_in_a_column_stands_in_no_message(column, name, tmp_path):
    frame = sheet()
    if column not in frame:
        frame[column] = None
    frame.loc[[0, 1, 5], column] = name
    study = {"levels": {column: {name: "?"}}} if columns().get(column) else {}
    reports = [mn.validate(frame), mn.validate(frame, study=study)]
    assert not [r for r in reports if name.lower() in everything(r).lower()]
    path = tmp_path / "sheet.csv"
    frame.to_csv(path, index=False)
    found = propose(path)
    assert name not in "\n".join([str(found), found._repr_html_(), found.study_text])
    report = mn.validate(str(path))
    marked = mark(str(path), report)
    assert name not in unpacked(marked)
    target, _ = write_study(path)
    assert name not in target.read_text(encoding="utf-8")
    assert name not in everything(mn.validate(str(path)))


@pytest.mark.parametrize("column", [*columns(), "Bemerkung"])
def test_what_is_refused_stands_in_no_message(column):
    cells = [
        "+49 171 2345678",
        "hans@web.de",
        "12.03.1985",
        "17150165398",
        "DE89370400440532013000",
    ]
    cells += ["0171/2345678", "*12.03.1985", "756.2899.9712.58"]
    frame = sheet()
    if column not in frame:
        frame[column] = None
    frame.loc[: len(cells) - 1, column] = cells
    if column in columns() and columns()[column].kind in ("number", "integer"):
        frame.loc[11, column] = 19850312.0
    report = mn.validate(frame)
    assert [c for c in cells if c in everything(report)] == []
    assert not re.search("1.98503|8503", everything(report))
    (problem,) = [p for p in report.problems if "looks like" in p.rule]
    assert set(problem.rows) >= set(range(2, 10))


def unpacked(path):
    with zipfile.ZipFile(path) as book:
        return "\n".join(book.read(n).decode("utf-8", "replace") for n in book.namelist())


@pytest.mark.parametrize("text", ["Maria Schmidt", "Maria Schmidt 12.03.1985", "hans@web.de"])
def test_a_heading_or_a_worksheet_with_a_name_stands_in_no_message(text, tmp_path):
    for column in ("scar_type", "needle_depth_mm", "patient_id"):
        frame = sheet().rename(columns={column: text})
        report = mn.validate(frame)
        assert text not in everything(report)
        path = tmp_path / f"{column}.xlsx"
        with pd.ExcelWriter(path) as book:
            frame.to_excel(book, sheet_name=text, index=False)
            sheet().to_excel(book, sheet_name="Bay Ahmet Yılmaz", index=False)
        found = propose(path)
        said = "\n".join([str(found), found._repr_html_(), found.study_text])
        assert text not in said
        assert "Yılmaz" not in said
        report = mn.validate(str(path))
        assert text not in everything(report)
        assert "Yılmaz" not in everything(report)
    one = tmp_path / "one.xlsx"
    frame.to_excel(one, sheet_name=text, index=False)
    marked = mark(str(one), mn.validate(str(one)))
    assert text not in unpacked(marked)


@pytest.mark.parametrize("name", ["Maria Schmidt", "Maria Schmidt 12.03.1985 +49 171 2345678"])
@pytest.mark.parametrize(
    "study",
    [
        {"design": "@"}, {"title": "@", "design": "x"}, {"levels": {"scar_type": {"@": "moon"}}},
        {"levels": {"@": {}}}, {"columns": {"@": "scar_type"}}, {"columns": {"x": "@"}},
        {"units": {"needle_depth_mm": "@"}}, {"arms": {"needling": "@", "laser": "@"}},
        {"arms": {"@": "x"}}, {"measures": {"@": {"kind": "number"}}}, {"@": 1},
        {"measures": {"itch": {"kind": "@", "unit": "@", "meaning": "@", "low": 0, "high": 1}}},
        {"limits": [{"scope": "all", "says": "@", "@": "x"}]}, {"missing": {"@": ["x"]}},
        {"missing": ["@"]}, {"assessor": "@"}, {"cluster": "@"}, {"fill_down": ["@"]},
        {"rows": [{"set": {"scar_type": "@"}}]}, {"rows": [{"columns": {"@": "scar_type"}}]},
        {"dates": {"format": "@", "weeks": {"to": "@"}}}, {"plan": {"@": 1}},
        {"plan": {"margins": {"@": "2"}}}, {"plan": {"reference": "@"}},
        {"plan": {"adjust": ["@"]}},
        {"selection": {"@": "x"}}, {"specifications": {"@": ["x"]}}, {"randomised_by": ["@"]},
        {"claims": {"@": {"title": "@"}}}, {"claims": {"own": {"statement": "@"}}},
        {"licence": "@"},
    ],
)  # fmt: skip
def test_a_name_in_a_study_file_stands_in_no_message(study, name):
    def put(x):
        if isinstance(x, dict):
            return {put(k): put(v) for k, v in x.items()}
        if isinstance(x, list):
            return [put(v) for v in x]
        return name if x == "@" else x

    frame = sheet()
    frame.loc[0, "scar_type"] = name
    report = mn.validate(frame, study=put(study))
    assert name.lower() not in everything(report).lower()
    assert not re.search("(?i)schmidt|1985|2345678", everything(report))
