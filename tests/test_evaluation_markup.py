from deepmatte.evaluation.markup import Markup, element, join


def test_texts_are_escaped_and_markup_is_not() -> None:
    assert element("p", "a < b & c", Markup("<br>"), 3) == "<p>a &lt; b &amp; c<br>3</p>"
    assert join("<", element("i")) == "&lt;<i></i>"


def test_attributes_are_named_as_in_html_and_escaped() -> None:
    found = element("td", class_="x", data_value='"', title=None, checked=True, name="n")
    assert found == '<td class="x" data-value="&quot;" checked name="n"></td>'


def test_elements_that_hold_nothing_have_no_end() -> None:
    assert element("img", alt="") == '<img alt="">'
