"""Attacks on the files of a release: each works out what it can, and has to end empty-handed."""

import hashlib
import io
import re
from itertools import product

import numpy as np
import pandas as pd
import pytest
from made_releases import EVENTS, STUDY, files, made, sheet, tables, texts
from scipy.optimize import linprog

import mnstudy as mn
from mnstudy.cohort.study.study import Study
from mnstudy.disclosure.groups import History
from mnstudy.disclosure.ledger import WITHHELD, Ledger, Rate, tables_of
from mnstudy.disclosure.rules import rules_of
from mnstudy.errors import DataError

RULES = rules_of(Study())
NOBODY = History(folder=None, key=b"")
SEEDS = (4, pytest.param(1, marks=pytest.mark.slow))


@pytest.fixture(scope="module", params=SEEDS)
def attacked(request, tmp_path_factory):
    """Give a cohort, its findings, its release and the files."""
    cohort, findings, release = made(sheet(request.param))
    folder = tmp_path_factory.mktemp("release")
    return cohort, findings, release, files(release, folder)


# values of a few patients


def single_arm(seed, n):
    data = sheet(seed, {"needling": n}, weeks=np.nan)
    rng = np.random.default_rng(seed)
    return data.assign(
        improvement_score=rng.integers(-30, 90, n).astype(float),
        scar_type="keloid",
        session_count=3,
    ).drop(columns="weeks")


@pytest.mark.parametrize("n", [5, 9, 10, 11, 12])
def test_values_of_a_small_group_cannot_be_rebuilt(n):
    data = single_arm(n, n + 20)
    data.loc[data.index[n:], "improvement_score"] = np.nan
    _, findings, release = made(data, ["reduces-scarring"], tables=False, design="single_arm")
    (claim,) = release.claims
    if n < 11:  # fewer than 10 residual degrees of freedom
        assert (claim.answer, claim.verdict, claim.patients) == (WITHHELD, WITHHELD, "")
        assert claim.numbers == claim.arms == ()
        return
    assert claim.numbers
    values = data["improvement_score"].dropna().to_numpy()
    estimate, step = findings[0].estimate, release.ledger.entries["reduces-scarring"].numbers[3]
    half = estimate.ci_high - estimate.value
    factor = half / values.std(ddof=1)

    def shown(some):
        ends = some.mean() + factor * some.std(ddof=1) * np.array([0, -1, 1])
        return tuple(np.floor(ends / step + 0.5))

    assert shown(values) == tuple(np.floor(np.array(claim.numbers) / step + 0.5))
    for place in range(n):  # everybody else's value is known
        other = [x for x in range(-100, 101) if shown(_with(values, place, x)) == shown(values)]
        assert max(other) - min(other) >= 5


def _with(values, place, x):
    other = values.copy()
    other[place] = x
    return other


# zero or a few


def _plain():
    data = sheet(3, {"needling": 31, "untreated": 31})
    data[EVENTS] = False
    return data.assign(
        clinic_id="C1", scar_type="acne_rolling", setting="clinic", sex="female", phototype="III",
        improvement_score=data["improvement_score"].fillna(10.0),
        session_count=data["session_count"].clip(0, 1) * 3,
    )  # fmt: skip


def _unrecorded():
    return _plain().assign(acne_flare=pd.NA, erythema_days=np.nan)


def _to_laser(data):
    """Let two of 31 be in an arm of their own: 31 and 29 are both written 30."""
    data.loc[:1, "treatment"], data.loc[:1, "needle_depth_mm"] = "laser", 0.0
    data.loc[:1, ["improvement_score", "texture_score", "pain_score"]] = np.nan
    return data


FEW = {
    "an event": (_plain, "pih", True),
    "a sex": (_plain, "sex", "male"),
    "a phototype": (_plain, "phototype", "V"),
    "a setting": (_plain, "setting", "home"),
    "a clinic": (_plain, "clinic_id", "C9"),
    "a result": (_plain, "improvement_score", np.nan),
    "an event recorded": (_unrecorded, "acne_flare", True),
    "a day of redness": (_unrecorded, "erythema_days", 3.0),
}
SOME = ["reduces-scarring", "more-sessions", "rare-pih", "home-riskier", "short-downtime"]


@pytest.fixture(scope="module")
def with_none(tmp_path_factory):
    return {
        start: files(made(start(), SOME)[2], tmp_path_factory.mktemp("none"))
        for start in (_plain, _unrecorded)
    }


@pytest.mark.parametrize(
    "what",
    [pytest.param(x, marks=[pytest.mark.slow] * (x in ("a phototype", "a clinic"))) for x in FEW],
)
def test_a_few_patients_with_it_leave_the_files_as_none(what, with_none, tmp_path):
    start, column, value = FEW[what]
    data = start()
    data.loc[: 5 if column in ("setting", "erythema_days") else 1, column] = value
    found = files(made(data, SOME)[2], tmp_path)
    assert {k for k in found if found[k] != with_none[start].get(k)} == set()
    assert found.keys() == with_none[start].keys()


def test_a_small_arm_is_no_column_of_any_table(tmp_path):
    found = files(made(_to_laser(_plain()), SOME)[2], tmp_path)
    for key in ("baseline", "attrition", "harms"):
        assert not any("laser" in column for column in tables(found, key).columns)


# one number, one text


def test_no_exact_number_stands_in_any_file(attacked):
    *_, release, found = attacked
    internal = release.ledger.internal()
    exact = {x for text in internal["exact"] for x in re.findall(r"\d+\.\d{3,}", text)}
    assert len(exact) > 10
    everything = "\n".join(texts(found).values()).replace("\N{MINUS SIGN}", "-")
    told = set(re.findall(r"\d+\.\d{3,}", everything))
    for number in exact:
        assert not [x for x in told if x.startswith(number[: number.index(".") + 4])], number


def test_every_count_in_every_table_is_rounded(attacked):
    *_, release, found = attacked
    cells = [c for t in release.tables for row in t.rows if "median" not in row[0] for c in row[1:]]
    cells += [n for x in release.claims for n in (x.patients, *(p for _, p, _ in x.arms))]
    cells += [m for x in release.claims for m in re.findall(r"^\d+ of \d+", x.answer)]
    counts = [c for cell in cells for c in re.findall(r"(?<![\d.(<])\d+(?![\d.])(?! ?%)", cell)]
    assert len(counts) > 10
    assert {int(c) % 5 for c in counts} == {0}
    for key in ("baseline", "attrition"):  # the same texts in each format
        page = found["index.html"].decode().replace("&lt;", "<")
        for cell in {c for t in release.tables if t.key == key for row in t.rows for c in row}:
            assert cell in page


def test_one_output_has_one_text_in_every_file(attacked):
    *_, release, found = attacked
    results = pd.read_csv(io.BytesIO(found["results.csv"]), dtype=str, keep_default_na=False)
    by_title = tables(found, "claims").set_index("Claim")
    for claim, row in zip(release.claims, results.to_dict("records"), strict=True):
        assert (row["answer"], row["verdict"]) == (claim.answer, claim.verdict)
        if claim.numbers:
            assert by_title.loc[claim.title].tolist()[-3:] == [
                claim.answer, claim.patients, claim.verdict
            ]  # fmt: skip
    enrolled = {tables(found, k).iloc[0, 4:].tolist()[0] for k in ("baseline", "attrition")}
    assert len(enrolled) == 1


# groups


def test_no_combination_of_released_sums_is_of_a_few_patients(attacked):
    *_, release, _ = attacked
    by_where = {}
    for group in release.ledger.released:
        if group.week and len(group.patients) >= 10:
            by_where.setdefault(group.where, set()).add(frozenset(group.patients))
    assert by_where
    rng = np.random.default_rng(0)
    for groups in map(list, by_where.values()):
        people = sorted(set().union(*groups))
        rows = np.array([[p in g for p in people] for g in groups], dtype=float)
        kernel = np.eye(len(people)) - np.linalg.pinv(rows) @ rows
        for place in range(len(people)):  # nobody alone, nor with up to eight others
            assert np.abs(kernel[place]).sum() > 1e-6
        for _ in range(200):
            few = rng.choice(len(people), rng.integers(1, min(10, len(people))), replace=False)
            wanted = np.isin(range(len(people)), few).astype(float)
            assert np.abs(kernel @ wanted).max() > 1e-6
        for one, other in product(groups, groups):
            assert one == other or len(one ^ other) >= 10


# counts that add up


def _range(text, whole):
    """Return between what a printed count lies; of all but a few, what is left of the whole."""
    number = text.split(" (")[0]
    if number == "<10":
        return 0, 9
    if not number.isdigit():
        return 0, np.inf
    return max(10, int(number) - 2), int(number) + 2


def _printed(release, key):
    (table,) = (t for t in release.tables if t.key == key)
    return pd.DataFrame(table.rows, columns=["row", *table.heads[1:]])


def _programme(release):
    """Return bounds, sums and the small cells of what the printed tables say of parallel arms."""
    cells, sums, asked = {}, [], []

    def add(key, ends):
        cells[key] = (
            max(ends[0], cells.get(key, (0, 0))[0]),
            min(ends[1], cells.get(key, ends)[1]),
        )

    for key in ("baseline", "attrition"):
        rows = _printed(release, key)
        arms = [*rows.columns[1:]]
        for arm in arms:
            add(("patients", arm), _range(rows.iloc[0][arm], None))
        blocks = {}
        for row in rows.iloc[1:].to_dict("records"):
            name = row["row"].partition(": ")[0] if key == "baseline" else row["row"]
            if "median" in name or name.startswith("sessions given"):
                continue
            ends = name.startswith(("result known", "not assessed"))
            blocks.setdefault("ends" if ends else name, []).append(row)
        for name, own in blocks.items():
            told = [a for a in arms if own[0][a] != ""]
            for arm, row in product(told, own):
                cell = (row["row"], arm)
                add(cell, _range(row[arm], None))
                left = {("patients", arm): 1, cell: -1}
                if row[arm] == "<10":
                    asked.append({cell: 1})
                    sums.append((left, 0, np.inf))
                elif row[arm].startswith("all but"):
                    asked.append(left)
                    sums.append((left, 0, 9))
                else:
                    sums.append((left, 10 if row[arm][0].isdigit() else 0, np.inf))
            for arm in told:
                add((name, "rest", arm), (0, 0) if name == "ends" and len(own) > 1 else (0, np.inf))
                parts = {(row["row"], arm): 1 for row in own} | {(name, "rest", arm): 1}
                sums.append((parts | {("patients", arm): -1}, 0, 0))
            for line in [*(row["row"] for row in own), "patients"]:
                if len(told) > 1:
                    parts = {(line, a): 1 for a in told if a != "all"}
                    sums.append(({(line, "all"): 1} | dict.fromkeys(parts, -1), 0, np.inf))
    return cells, sums, asked


def _attack(cells, sums, asked):
    place = {k: i for i, k in enumerate(cells)}
    lines, limits = [], []
    for weights, low, high in sums:
        row = np.zeros(len(cells))
        for k, w in weights.items():
            row[place[k]] = w
        lines += [row, -row]
        limits += [high, -low]
    finite = np.isfinite(limits)
    told = {"A_ub": np.array(lines)[finite], "b_ub": np.array(limits)[finite],
            "bounds": [*cells.values()]}  # fmt: skip
    for weights in asked:
        wanted = np.zeros(len(cells))
        for k, w in weights.items():
            wanted[place[k]] = w
        low, high = linprog(wanted, **told), linprog(-wanted, **told)
        assert low.status == high.status == 0
        yield weights, low.fun, -high.fun


@pytest.mark.parametrize("seed", [5, 8])
def test_counts_of_the_tables_leave_every_small_one_open(seed):
    *_, release = made(sheet(seed), ["reduces-scarring", "rare-pih"])
    cells, sums, asked = _programme(release)
    known = [k for k in cells if k[0].startswith("result known")]
    for claim in release.claims:  # whoever is in a claim about improvement has a known result
        if claim.claim == "reduces-scarring" and claim.patients:
            low = _range(claim.patients, None)[0]
            cells |= {k: (max(low, cells[k][0]), cells[k][1]) for k in known if k[1] == "all"}
    assert asked
    for weights, low, high in _attack(cells, sums, asked):
        assert high - low >= 5 - 1e-6, weights


# rates


def test_a_rate_tells_its_rounding_cell_and_no_more():
    ledger, said = Ledger(rules=RULES, history=NOBODY), {}
    for n in range(10, 61):
        patients = ledger.hidden(range(n))
        for e in range(n + 1):
            text = ledger.release(f"{e} of {n}", Rate(events=e, n=n, level=0.95), patients, "rate")
            said.setdefault(text, []).append((e, n))
    for text, cell in said.items():
        e, n = cell[0]
        few = [k for k, m in cell], [m - k for k, m in cell]
        for some in few:  # where a count below the threshold is possible, several others are
            assert min(some) >= 10 or max(some) - min(some) >= 5, text
        if text != WITHHELD and max(m for _, m in cell) < 58:
            assert set(cell) == set(tables_of(RULES, Rate(events=e, n=n, level=0.95)))
    sizes = {n for _, n in said[WITHHELD]}
    assert {(e, n) for n in sizes for e in range(n + 1)} == set(said[WITHHELD])


def test_a_difference_of_rates_is_the_same_for_all_counts_it_may_stand_for():
    def answers(events):
        data = sheet(5, {"needling": 31, "laser": 26}, improvement_score=np.nan)
        data[EVENTS] = False
        data.loc[: events - 1, "pih"] = True
        data.loc[31:49, "pih"] = True  # 19 of 26 and the others without
        (claim,) = made(data, ["gentler-than-laser"], tables=False)[2].claims
        return claim.answer, claim.arms, claim.verdict

    assert answers(13) == answers(17) != answers(9)


# what is guessed


def test_no_hash_in_a_file_confirms_a_guess(attacked):
    cohort, _, release, found = attacked
    data = cohort.data
    guesses = [cohort.provenance.sha256, *map(str, data["patient_id"])]
    guesses += [",".join(map(str, row)) for row in data.itertuples(index=False)]
    guesses += [data.to_csv(index=False), data.to_csv()]
    digests = {cohort.provenance.sha256}
    for guess in guesses:
        for kind in ("md5", "sha1", "sha256"):
            digests.add(hashlib.new(kind, guess.encode()).hexdigest())
    everything = b"\n".join(found.values()).decode("utf-8", "replace")
    assert not [d for d in digests if d[:16] in everything]
    hidden = {p[:16] for g in release.ledger.released for p in g.patients}
    assert hidden
    assert not [p for p in hidden if p in everything]
    assert not [p for p in data["patient_id"] if p in everything]


def test_a_release_shows_itself_without_exact_numbers(attacked):
    *_, release, _ = attacked
    shown = [repr(release), release._repr_html_(), release.to_frame().to_csv()]
    shown.append(release.decisions().to_csv())
    exact = {x for t in release.ledger.internal()["exact"] for x in re.findall(r"\d+\.\d{3,}", t)}
    assert not [x for x in exact for text in shown if x[:6] in text]


# names

PERSON = "Mueller_Hans_1961"


def test_the_name_of_a_sheet_that_may_be_a_person_or_a_count_is_not_said(tmp_path):
    for name in (f"{PERSON}.csv", "clinic_n37.csv"):
        sheet(1, {"needling": 14, "untreated": 14}).to_csv(tmp_path / name, index=False)
        cohort = mn.load(tmp_path / name, study={**STUDY, "title": "Scars of 37 patients"})
        release = mn.release(mn.evaluate(cohort, "reduces-scarring"))
        found = files(release, tmp_path / f"out_{name}")
        everything = b"\n".join(found.values()).decode("utf-8", "replace")
        for said in ("Mueller", "n37", "37 patients", cohort.provenance.sha256):
            assert said not in everything + repr(release)


@pytest.mark.parametrize("key", ["title", "source", "licence"])
def test_a_person_in_the_study_file_is_in_no_file_and_no_message(key, tmp_path):
    said = "Hans Mueller, born 03.04.1961, hans.mueller@praxis.de"
    data = sheet(1, {"needling": 14, "untreated": 14})
    with pytest.raises(DataError) as refused:
        made(data, ["reduces-scarring"], **{key: said})
    assert not re.search(r"Mueller|1961|praxis", str(refused.value))


def test_ids_of_the_published_tables_do_not_stop_a_release(tmp_path):
    data = sheet(2, {"needling": 12}).assign(patient_id=[f"D{i:04}" for i in range(1, 13)])
    found = files(made(data, ["reduces-scarring", "rare-pih"])[2], tmp_path)
    assert "results.csv" in found


# rules


@pytest.mark.parametrize(
    "given",
    [{"threshold": 5}, {"rounding": 1}, {"residual_df": 2}, {"dominance_share": float("nan")},
     {"dominance_rest": float("nan")}, {"threshold": True}, {"few": 2}, {"rules": "none"}],
)  # fmt: skip
def test_a_study_file_cannot_loosen_a_rule(given):
    cohort = mn.load(sheet(1, {"needling": 14}), study={**STUDY, "release": given})
    assert mn.evaluate(cohort, "rare-pih")  # her own report is as before
    with pytest.raises(DataError, match=r"release\."):
        mn.release(mn.evaluate(cohort, "rare-pih"))


@pytest.mark.parametrize(
    ("given", "few"),
    [
        ({"threshold": 15}, "<15"),
        pytest.param({"rules": "acro", "rounding": 10}, "<10", marks=pytest.mark.slow),
    ],
)
def test_stricter_rules_show_in_the_files(given, few, tmp_path):
    data = sheet(4, {"needling": 32, "untreated": 33})
    release = made(data, ["reduces-scarring", "rare-infection"], release=given)[2]
    found = files(release, tmp_path)
    assert f"{few}: fewer patients" in found["tables/baseline_release.csv"].decode()
    assert few[1:] in found["rules.csv"].decode()
    assert few.replace("<", "&lt;") in found["index.html"].decode()


def test_no_named_set_of_rules_is_looser():
    for name in ("default", "acro", "opensafely"):
        assert rules_of(Study(release={"rules": name})) == RULES


def test_a_release_of_nothing_is_written(tmp_path):
    data = sheet(1, {"needling": 6, "untreated": 6})
    found = files(made(data, ["reduces-scarring"])[2], tmp_path)
    assert b"No estimate could be released" in found["index.html"]


def test_no_count_of_any_rules_stands_alone():
    for threshold, rounding in product(range(10, 31), range(5, 31)):
        rules = rules_of(Study(release={"threshold": threshold, "rounding": rounding}))
        for n in range(threshold, 3 * threshold):
            cell = rules.compatible(n)
            assert n in cell
            assert len(cell) >= 3
            assert {rules.count(m) for m in cell} == {rules.count(n)}
            assert rules.count(cell[-1] + 1) != rules.count(n)


def test_public_data_and_few_patients_are_refused_and_invented_are_not():
    with pytest.raises(ValueError, match="public already"):
        made(sheet(1, {"needling": 14}), ["rare-pih"], public=True, public_because="a paper")
    with pytest.raises(DataError, match="10 patients"):
        made(sheet(1, {"needling": 9}), ["rare-pih"])
    assert made(sheet(1, {"needling": 14}), ["rare-pih"], synthetic=True)[2].synthetic


def _released_rates(*rates):
    """Release rates as (events, patients, who had it) one after another; return their texts."""
    ledger = Ledger(rules=RULES, history=NOBODY)
    return [
        ledger.release(
            str(i), Rate(events=len(had), n=len(who), level=0.95, had=frozenset(map(str, had))),
            frozenset(map(str, who)), "rate", where=(events, "all"),
        )
        for i, (events, who, had) in enumerate(rates)
    ]  # fmt: skip


@pytest.mark.parametrize(("had", "leaves"), [(9, False), (8, True)])
def test_a_rate_of_everybody_does_not_tell_those_of_two_groups(had, leaves):
    one, other = range(20), range(20, 40)
    few = [("pih", one, one[:had]), ("pih", other, other[:had])]
    whole = ("pih", range(40), [*one[:had], *other[:had]])
    for order in ([*few, whole], [whole, *few]):
        assert (WITHHELD not in _released_rates(*order)) == leaves
    without = [(e, who, set(who) - set(some)) for e, who, some in [*few, whole]]
    assert (WITHHELD not in _released_rates(*without)) == leaves


@pytest.mark.parametrize(("had", "leaves"), [(9, False), (7, True)])
def test_a_rate_of_any_event_does_not_tell_those_of_each(had, leaves):
    who = range(40)
    single = [("pih", who, who[:had]), ("bruising", who, who[had : 2 * had])]
    texts = _released_rates(*single, ("bruising+pih", who, who[: 2 * had]))
    assert (WITHHELD not in texts) == leaves
