"""What the report says, that it says it in both forms, and that no text of the user's becomes markup."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from analysis_fakes import costing, study_folder, study_of_many, trial
from modality_names import IMAGE, TEXT
from PIL import Image

from analysis import store, wording
from analysis.numbers.fusion import BestAlpha
from analysis.numbers.metrics import score
from analysis.numbers.mixture import Mixture
from analysis.numbers.paired import compared
from analysis.pipeline import analyze, final_test
from analysis.report.figures import Picture
from analysis.report.findings import headline, key_findings
from analysis.report.first_screen import Effort, answers
from analysis.report.report import Report, build_report, escape_markdown, render_html, render_markdown, write_report
from analysis.report.thumbnails import thumbnail_uri
from analysis.results import Selection
from analysis.rows import SINGLE
from trainables.data.lineage.manifest import Manifest, Row, to_csv
from trainables.errors import UserError
from trainables.records import StopReason

GOLDEN = Path(__file__).parent / "golden" / "report.md"
NASTY = "<script>alert(1)</script> $x$ | `code`\n# no heading [link](javascript:alert(1)) \\ <b>"


def analyzed(
    folder: Path,
    modalities: tuple[str, ...] = (IMAGE, TEXT),
    *,
    test: bool = True,
    text: str = "",
    gaps: bool = False,
) -> Selection:
    """A study that was analyzed, and tested where `test`; every test sample has the given text."""
    fakes = study_folder(folder, modalities, dict.fromkeys(range(45), text) if text else None, gaps=gaps)
    selection = analyze(folder, linear_baseline=True, models=fakes.models())
    fixed = dataclasses.replace(selection, created="2026-01-02T03:04:05+00:00", versions={"binwise": "0.1.0"})
    store.write_selection(folder, fixed)
    if test:
        final_test(folder, folder / "pictures", models=fakes.models())
    return fixed


class Page(HTMLParser):
    """Collects a page's tags, addresses and text."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.text = ""
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag with its attributes."""
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "srcset", "action"}]
        self.images += [dict(attrs)] if tag == "img" else []
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        """Text."""
        self.text += data


def page_of(report: Report) -> str:
    """The page without its pictures, which are no words and take seconds to draw."""
    pictures = {name: Picture(name, one.alt, lambda _: b"") for name, one in report.pictures.items()}
    return render_html(dataclasses.replace(report, pictures=pictures))


def with_fixed_test_date(report: Report) -> Report:
    """The report as of a fixed day, on data whose digests are known."""
    assert report.final is not None
    data = (("train", "ab" * 32), ("val", "cd" * 32), ("test", "ef" * 32))
    final = dataclasses.replace(report.final, evaluated="2026-01-03T04:05:06+00:00")
    return dataclasses.replace(report, final=final, data=data)


def test_golden_markdown(tmp_path: Path) -> None:
    """The whole Markdown of a hand-made study, word by word; BINWISE_UPDATE_GOLDEN=1 writes it anew."""
    analyzed(tmp_path)
    markdown = render_markdown(with_fixed_test_date(build_report(tmp_path)))
    if os.environ.get("BINWISE_UPDATE_GOLDEN"):
        GOLDEN.write_text(markdown, "utf-8")
    assert markdown == GOLDEN.read_text("utf-8")


def test_page_is_self_contained(tmp_path: Path) -> None:
    """One file: no script, nothing but data: addresses, a strict policy, and every picture has a text."""
    analyzed(tmp_path)
    html_path, md_path = write_report(tmp_path)
    page = Page(html_path.read_text("utf-8"))
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert all(address.startswith("data:image/") for address in page.addresses)
    assert all(image.get("alt") for image in page.images)
    assert len(page.images) >= 4 + 4
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in html_path.read_text("utf-8")
    linked = re.findall(r"\]\((plots/[a-z_]+\.png)\)", md_path.read_text("utf-8"))
    names = ["abstention", "alpha", "confusion", "history", "learning_curves", "performance", "reached", "reliability"]
    assert sorted(linked) == [f"plots/{name}.png" for name in names]
    assert all((md_path.parent / name).is_file() for name in linked)


def test_user_texts_are_never_markup(tmp_path: Path) -> None:
    """Texts that look like HTML, mathematics or Markdown are shown as they are, in both forms."""
    analyzed(tmp_path, text=NASTY)
    record = trial(
        IMAGE, 9, (), reason=StopReason.FAILED, checkpoint=False, params={"<i>": "<img src=x>|"}, error=f"x\n{NASTY}"
    )
    with (tmp_path / "trials.jsonl").open("a") as trials:
        trials.write(record.to_json() + "\n")
    report = build_report(tmp_path)
    content = page_of(report)
    page = Page(content)
    assert not {"script", "b>", "i>", "a"} & set(page.tags)
    assert "<script" not in content
    assert "<script>alert(1)</script> $x$ | `code`" in page.text
    assert "<img src=x>|" in page.text
    markdown = render_markdown(report)
    assert not re.search(r"(?<!\\)<", markdown)
    assert "\n# no heading" not in markdown
    assert escape_markdown(NASTY).startswith(r"\<script\>alert(1)\</script\> \$x\$ \| \`code\` # no heading \[link\]")
    rows = [
        line for line in markdown.splitlines() if "no heading" in line and line.startswith("| ") and "wrong" in line
    ]
    assert rows
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {7}


@pytest.mark.parametrize("modality", [IMAGE, TEXT])
@pytest.mark.parametrize("test", [False, True])
def test_one_modality(tmp_path: Path, modality: str, test: bool) -> None:
    """A study of one modality is reported without a word on alpha or fusion, before the test and after it."""
    analyzed(tmp_path, (modality,), test=test)
    report = build_report(tmp_path)
    for content in (Page(page_of(report)).text, render_markdown(report)):
        assert not re.search(r"\b(alpha|fused|fusion)\b", content, re.IGNORECASE)
        assert f"The {modality} model gets" in content
    always = {"performance", "confusion", "learning_curves", "anytime", "reliability", "history", "reached"}
    assert set(report.pictures) == always | ({"abstention"} if test else set())


def test_a_deployed_ensemble_is_what_the_report_is_about(tmp_path: Path) -> None:
    """Its row is the main one, the headline and the samples are its; the finding says what it gains."""
    fakes = study_of_many(tmp_path)
    selection = analyze(tmp_path, linear_baseline=False, models=fakes.models())
    final_test(tmp_path, tmp_path / "pictures", models=fakes.models())
    report = build_report(tmp_path)
    assert [row.name for row in report.results if row.main] == ["Ensemble"]
    assert report.headline.sentence.startswith("The ensemble of 4\u00a0models gets")
    assert report.models == (IMAGE, TEXT, "fused", "ensemble")
    assert all(len(card.guesses) == 4 for card in report.samples)
    assert selection.ensemble is not None
    finding = next(one for one in report.findings if one.startswith("The ensemble of"))
    assert all(name in finding for name in selection.ensemble.members)
    assert "cross-fitted" in finding
    for render in (page_of, render_markdown):
        assert "several trials of each modality" in render(report)


def test_before_the_test_the_report_says_so(tmp_path: Path) -> None:
    """Without a test result all numbers are val's, and the top warns of it."""
    analyzed(tmp_path, test=False)
    report = build_report(tmp_path)
    assert report.split == "val"
    assert report.headline.warning is not None
    assert "has not been opened" in report.headline.warning
    for content in (page_of(report), render_markdown(report)):
        assert "has not been opened" in content
        assert "test samples" not in content


def test_two_objectives_have_their_front(tmp_path: Path) -> None:
    """Only the modality with two objectives has one: a picture, a sentence, and a table that marks the choice."""
    analyzed(tmp_path)
    assert build_report(tmp_path).fronts == ()
    assert "Pareto" not in page_of(build_report(tmp_path))
    records = store.read_trials(tmp_path)
    costly = [costing(one, 10**6 * (one.number + 1)) if one.modality == TEXT else one for one in records]
    (tmp_path / "trials.jsonl").write_text("".join(one.to_json() + "\n" for one in costly))
    write_report(tmp_path)
    report = build_report(tmp_path)
    assert [row.trial_id for row in report.fronts[0].rows] == ["text_001", "text_000"]
    page, markdown = Page(page_of(report)), render_markdown(report)
    assert "2 of 3\xa0trials are on the front" in page.text
    assert "takes 1.00\xa0MB, 50.0\xa0% of what the selected text_001 takes" in markdown
    assert re.search(r"\*\*text_001\*\* \| 90\.0.% \| 2 \| 2\.00 \| 1\.00 \| learning rate 0\.002 \|", markdown)
    assert "![Val accuracy by size of every text trial" in markdown
    assert (tmp_path / "analysis" / "plots" / "pareto.png").is_file()


def test_every_end_has_its_words(tmp_path: Path) -> None:
    """Both forms count trials by how they ended, and tell why one was interrupted without the look of an error."""
    analyzed(tmp_path)
    with (tmp_path / "trials.jsonl").open("a") as trials:
        for number, reason in enumerate(StopReason, start=10):
            record = trial(IMAGE, number, (0.1,), reason=reason, error="the time budget is used up")
            trials.write(record.to_json() + "\n")
    html, markdown = page_of(build_report(tmp_path)), render_markdown(build_report(tmp_path))
    counts = "3 completed, 2 pruned, 1 diverged, 1 oom, 2 failed, 1 lost, 1 interrupted"
    assert counts in html
    assert counts in markdown
    assert html.count('<em class="why">the time budget is used up</em>') == 1


def test_missing_pictures_and_analysis(tmp_path: Path) -> None:
    """Where the pictures are gone the report is written without them; without an analysis it is a user error."""
    with pytest.raises(UserError, match=r"selection\.json"):
        write_report(tmp_path)
    analyzed(tmp_path)
    for path in (tmp_path / "pictures").iterdir():
        path.unlink()
    assert "no picture" in write_report(tmp_path)[0].read_text("utf-8")


def test_findings_are_honest(tmp_path: Path) -> None:
    """A fusion that loses on test, a val that is optimistic, and a plateau at an end are each said plainly."""
    selection = analyzed(tmp_path)
    final = store.read_final_test(tmp_path)
    assert final is not None
    rows = {**final.test, "fused": final.test["image"], "text": selection.val["fused"]}
    less = compared(np.arange(60) < 20, np.arange(60) < 40).adjusted(0.001, "fused", "text")
    lost = dataclasses.replace(final, test=rows, openings=3, comparisons={SINGLE: less})
    atend = dataclasses.replace(selection, fusion=Mixture.of_alpha(BestAlpha(0.9, 0.9, 0.8, 1.0), IMAGE, TEXT))
    said = " ".join(key_findings(atend, lost, ((0.0, 0.5), (1.0, 0.6))))
    assert "Fusion hurts, text alone would do: −33.3" in said
    assert "Val is optimistic by" in said
    assert "The plateau reaches the text model alone" in said
    assert "opened 3 times" in (headline(atend, lost).warning or "")
    for more, sentence in ((1, "Fusion is not shown to help: +1.7"), (15, "Fusion helps: +25.0")):
        found = compared(np.arange(60) < 20 + more, np.arange(60) < 20)
        told = dataclasses.replace(final, comparisons={SINGLE: found.adjusted(found.p, "fused", "text")})
        assert sentence in " ".join(key_findings(selection, told, None)).replace("\u00a0", " ")
    untold = dataclasses.replace(final, comparisons={})
    assert "Fusing gains +2.2" in " ".join(key_findings(selection, untold, None))
    assert "only the test tells" in " ".join(key_findings(selection, None, None))


def test_an_opening_without_a_result_is_told(tmp_path: Path) -> None:
    """At the top and at the end, in both forms: before the test has its result, too."""
    selection = analyzed(tmp_path, test=False)
    store.open_final_test(tmp_path, store.selection_digest(selection), "t" * 64)
    store.open_final_test(tmp_path, store.selection_digest(selection), "t" * 64)
    report = build_report(tmp_path)
    for text in (page_of(report), render_markdown(report)):
        assert text.count("The test was opened twice, last on ") == 2
        assert "has not been opened" not in text


def test_the_data_s_digests_are_named(tmp_path: Path) -> None:
    """In one line of each form, from the study's manifests; without them there is no such line."""
    analyzed(tmp_path, test=False)
    assert "digests of their manifests" not in page_of(build_report(tmp_path))
    one = Manifest((Row("a.jpg", "Blue", 3, "ab" * 32, ""),))
    (tmp_path / "manifest.csv").write_bytes(to_csv({"train": one, "val": one}))
    report = build_report(tmp_path)
    assert report.data == (("train", one.digest), ("val", one.digest))
    assert f"train {one.digest[:12]}, val {one.digest[:12]}." in render_markdown(report)
    assert f"train <code>{one.digest[:12]}</code>" in page_of(report)


def test_thumbnails(tmp_path: Path) -> None:
    """Pictures of any mode become small JPEGs; what is no picture, too large or missing becomes None."""
    for name, mode in (("a.png", "RGBA"), ("b.png", "P"), ("c.jpg", "CMYK"), ("d.png", "L"), ("e.png", "I;16")):
        Image.new(mode, (400, 300)).save(tmp_path / name)
        assert (thumbnail_uri(tmp_path / name) or "").startswith("data:image/jpeg;base64,")
    (tmp_path / "f.jpg").write_text("<html>")
    Image.new("1", (9000, 9000)).save(tmp_path / "g.png")
    for path in (tmp_path / "f.jpg", tmp_path / "g.png", tmp_path / "none.jpg", tmp_path, None):
        assert thumbnail_uri(path) is None


def test_a_gain_is_measured_against_the_better_single_model(tmp_path: Path) -> None:
    """Where the single model that val preferred is the worse one on test, the fusion is compared with the other one."""
    selection = analyzed(tmp_path)
    final = store.read_final_test(tmp_path)
    assert final is not None
    other = IMAGE if selection.best_single == TEXT else TEXT
    right = dict(final.test)
    labels = np.repeat(np.arange(len(selection.classes)), np.sum(right[other].scores.confusion, axis=1))
    right[other] = dataclasses.replace(right[other], scores=score(labels, labels, selection.classes))
    swapped = dataclasses.replace(final, test=right, comparisons={})
    told = {one.key: one for one in answers(selection, swapped, Effort(1.0, 2, 3), (), None)}
    assert told["fusing"].words[0].startswith(f"On test over {other} alone.")
    assert any(f"over {other} alone" in sentence for sentence in key_findings(selection, swapped, None))


def test_three_modalities(tmp_path: Path, numbers: str) -> None:
    """Weights instead of alpha in both forms, with their picture; every modality has its rows, trials and words."""
    selection = analyzed(tmp_path, (IMAGE, TEXT, numbers))
    assert selection.fusion is not None
    html_path, md_path = write_report(tmp_path)
    page, markdown = Page(html_path.read_text("utf-8")), md_path.read_text("utf-8")
    for content in (page.text, markdown):
        assert "The fusion of image, text and numbers gets" in content
        assert "What did fusing gain?" in content
        assert "on the texts’ character n\u2011grams and on the numbers as they are" in content
        assert "numbers_001" in content
        assert not re.search(r"\balpha\b", content, re.IGNORECASE)
    weights = wording.weights(selection.fusion)
    assert f"| weight | {weights[IMAGE]} | {weights[TEXT]} | {weights[numbers]} |" in markdown
    assert (
        f"Fused logits = {weights[IMAGE]} × image + {weights[TEXT]} × text + {weights[numbers]} × numbers." in markdown
    )
    assert "![Val accuracy by the weights of image, text and numbers: " in markdown
    assert "| | text | numbers | true class | image | text | numbers | fused |" in markdown
    assert (tmp_path / "analysis/plots/weights.png").is_file()
    assert not (tmp_path / "analysis/plots/alpha.png").exists()
    assert "Of 45" not in markdown


def test_samples_that_lack_a_modality(tmp_path: Path, numbers: str) -> None:
    """How many there are is said, and how they count; their cards leave out what the model couldn't say."""
    analyzed(tmp_path, (IMAGE, TEXT, numbers), gaps=True)
    report = build_report(tmp_path)
    said = (
        "Of 45 test samples 7 have no image and 9 have no numbers. In the row of that model alone they count with the "
        "most frequent class, “Black”. The fusion uses what they have."
    )
    assert said in Page(page_of(report)).text.replace("\xa0", " ")
    assert said in render_markdown(report).replace("\xa0", " ")
    lacking = [card for card in report.samples if None in card.guesses]
    assert lacking
    assert all(card.guesses[1] is not None and card.guesses[3] is not None for card in report.samples)
    assert "| – |" in render_markdown(report)


def test_weights_that_reach_nothing_are_said(tmp_path: Path, numbers: str) -> None:
    """A plateau that reaches 0 shows no gain from its modality."""
    selection = analyzed(tmp_path, (IMAGE, TEXT, numbers), test=False)
    fusion = Mixture({IMAGE: 0.3, TEXT: 0.65, numbers: 0.05}, 0.9, numbers, 0.0, 0.1)
    said = " ".join(key_findings(dataclasses.replace(selection, fusion=fusion), None, None)).replace("\xa0", " ")
    assert (
        "The weights image 0.30, text 0.65, numbers 0.05 get 90.0 % on val, the same at any weight of numbers in "
        "0.00–0.10, the others in proportion, so val shows no gain from numbers."
    ) in said


def test_what_the_search_found_in_its_data_stands_at_the_top(tmp_path: Path) -> None:
    """Warnings come before any number, in both forms, never as markup; notes don't, and older studies have none."""
    analyzed(tmp_path)
    assert build_report(tmp_path).data_warnings == ()
    finding = {"level": "warning", "title": f"The number tells the class. {NASTY}", "remedy": "Read without it."}
    note = {"level": "note", "title": "of no weight", "remedy": ""}
    (tmp_path / "data_check.json").write_text(json.dumps({"findings": [finding, note]}))
    report = build_report(tmp_path)
    markdown, content = render_markdown(report), page_of(report)
    assert markdown.index("The number tells the class") < markdown.index("## Results")
    assert content.index("The number tells the class") < content.index("<h2>Results</h2>")
    assert "script" not in Page(content).tags
    assert "<script>" not in markdown
    assert "of no weight" not in markdown + content
    (tmp_path / "data_check.json").write_text(json.dumps({"findings": [finding] * 5}))
    assert build_report(tmp_path).data_warnings[3:] == ("2 more such findings stand in data_check.json.",)
    (tmp_path / "data_check.json").write_text('{"findings": [{}]}')
    with pytest.raises(UserError, match=r"data_check\.json"):
        build_report(tmp_path)
