"""A pipeline of rules with the language data it packs, and one trained on the spot."""

import spacy
from spacy.training import Example


def main():
    nlp = spacy.blank("de")
    nlp.add_pipe("sentencizer")
    document = nlp("Dr. Müller z.B. wohnt in Köln. Er arbeitet.")
    assert [token.text for token in document][:3] == ["Dr.", "Müller", "z.B."]
    assert len(list(document.sents)) == 2
    english = spacy.blank("en")
    ruler = english.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "CITY", "pattern": [{"LOWER": "berlin"}]}])
    assert [(e.text, e.label_) for e in english("I saw Berlin.").ents] == [("Berlin", "CITY")]
    texts = spacy.blank("en")
    categories = texts.add_pipe("textcat")
    categories.add_label("GOOD")
    categories.add_label("BAD")
    train = [("very good", {"cats": {"GOOD": 1, "BAD": 0}}), ("very bad", {"cats": {"GOOD": 0, "BAD": 1}})]
    examples = [Example.from_dict(texts.make_doc(text), labels) for text, labels in train]
    texts.initialize(lambda: examples)
    for _ in range(30):
        texts.update(examples)
    result = texts("good").cats
    assert result["GOOD"] > result["BAD"], result
    texts.to_disk("model")
    assert spacy.load("model")("good").cats["GOOD"] > 0.5
    print("as expected")
