"""Words tokenised, stemmed and tagged; a grammar; data of the application's own."""

from pathlib import Path

import nltk
from nltk.corpus import PlaintextCorpusReader
from nltk.stem import PorterStemmer, SnowballStemmer
from nltk.tokenize import RegexpTokenizer, TreebankWordTokenizer
from nltk.tokenize.punkt import PunktSentenceTokenizer


def main():
    corpus = Path("nltk_data/corpora/own")
    corpus.mkdir(parents=True)
    (corpus / "a.txt").write_text("The cats are running. A dog barked, didn't it?")
    nltk.data.path.insert(0, str(Path("nltk_data").absolute()))
    root = nltk.data.find("corpora/own")
    reader = PlaintextCorpusReader(root, r".*\.txt", sent_tokenizer=PunktSentenceTokenizer())
    assert len(reader.sents()) == 2
    assert "n't" in TreebankWordTokenizer().tokenize(reader.raw())
    assert PorterStemmer().stem("running") == "run"
    assert SnowballStemmer("german").stem("Häuser") == "haus"
    grammar = nltk.CFG.fromstring("S -> N V\nN -> 'dogs'\nV -> 'bark'")
    (tree,) = nltk.ChartParser(grammar).parse(["dogs", "bark"])
    assert str(tree) == "(S (N dogs) (V bark))"
    words = RegexpTokenizer(r"\w+").tokenize(reader.raw().lower())
    assert nltk.FreqDist(words)["the"] == 1
    tagged = nltk.UnigramTagger([[("the", "DT"), ("dog", "NN")]]).tag(["the", "dog"])
    assert tagged == [("the", "DT"), ("dog", "NN")]
    print("as expected")
