"""A tokenizer trained on the spot, used and kept"""

from tokenizers import Tokenizer, models, pre_tokenizers, trainers


def main():
    tokenizer = Tokenizer(models.BPE(unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(
        ["low lower lowest"] * 50, trainers.BpeTrainer(vocab_size=60, special_tokens=["?"])
    )
    assert tokenizer.encode("lower low").tokens == ["lower", "low"]
    tokenizer.save("t.json")
    assert Tokenizer.from_file("t.json").encode("low!").tokens == ["low", "?"]
    print("as expected")
