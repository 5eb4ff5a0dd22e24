"""Headings that announce a person, in five languages."""

import pytest

from mnstudy.cohort.loading.privacy import identifies


@pytest.mark.parametrize(
    "heading",
    [
        "Name", "first_name", "e-mail", "DOB", "birth date", "Date of Birth", "birth_date", "geb.",
        "Geb.-Datum", "Tel", "Tel.", "Handy", "Nachname", "Patientenname", "Adresse", "Straße",
        "Kontakt", "doğum tarihi", "Doğum Tarihi", "DOGUM TARIHI", "fecha de nacimiento", "Nombre",
        "Paciente / Nombre", "apellidos", "date de naissance", "Prénom", "Téléphone", "isim",
        "Soyadı", "Ad Soyad", "T.C. Kimlik No", "DNI", "MRN", "PLZ",
    ],
)  # fmt: skip
def test_a_heading_that_identifies_is_refused(heading):
    assert identifies(heading)


@pytest.mark.parametrize(
    "heading",
    [
        "Nombre de séances", "Narbentyp", "Pat.-Nr.", "device", "telangiectasia", "Kontrolle",
        "improvement", "adjunct", "Datum Kontrolle", "renaming", "site", "center", "treatment",
    ],
)  # fmt: skip
def test_other_headings_are_not(heading):
    assert not identifies(heading)
