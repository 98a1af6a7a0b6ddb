"""Off-topic input that no template covers: invented words, key mashing, code, numbers, other scripts."""

SYLLABLES = [c + v + e for c in ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "sh", "tr", "bl", "gr", "qu", "")
             for v in "aeiou" for e in ("", "", "n", "r", "s", "l", "x", "ck")]
FUNCTION = ("the a is of and to in my what how why who where do does can it with for on at when your this that "
            "was are be not but or as from by").split()
CODE = ["select * from users;", "def foo(): pass", "<html><body>hello</body></html>", "int main() { return 0; }",
        "console.log('hi')", "import numpy as np", 'print("hello")', "rm -rf /", "for i in range(10):",
        "#include <stdio.h>", "let x = 5;", "echo $PATH", "while true; do ls; done", "cd ..", "x = y + 1",
        "if (a == b) { c(); }", "npm start", '{"a": 1, "b": [2, 3]}', "SELECT name FROM table WHERE id = 3",
        "fn main() { println!(\"x\"); }", "public static void main", "return 42;", "a = [1, 2, 3]", "<div></div>",
        "git push origin main", "sudo apt install vim", "ping 8.8.8.8", "lorem ipsum dolor sit amet", "foo bar baz",
        "www.example.com", "http://example.com/page", "someone@example.com", "C:\\Windows\\System32", "/etc/passwd"]
OTHER = ["ä ö ü ß", "grün und blau", "你好吗", "天気はいいですか", "как дела", "où est la gare", "¿dónde está el baño?", "안녕하세요",
         "مرحبا", "😀", "😂😂😂", "👍👎", "wie spät ist es", "wo ist der bahnhof", "je t'aime", "ich habe hunger", "que hora es",
         "quel temps fait-il", "was gibt es zu essen", "comment fait-on une tarte", "wer bist denn du nicht", "今天天气怎么样",
         "東京はどこですか", "che ore sono", "dov'è il mare", "hur mår din katt", "jak se vaří rýže", "γιατί", "почему небо синее"]


def pseudo_word(rng):
    return "".join(rng.choice(SYLLABLES) for _ in range(rng.choice((1, 2, 2, 3)))) or "zub"


def gibberish(rng):
    kind = rng.randrange(9)
    if kind == 0:
        return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(1, 14)))
    if kind == 1:
        return " ".join(pseudo_word(rng) for _ in range(rng.randint(1, 6)))
    if kind == 2:
        return " ".join(pseudo_word(rng) if rng.random() < 0.5 else rng.choice(FUNCTION) for _ in range(rng.randint(2, 8)))
    if kind == 3:
        return rng.choice(CODE)
    if kind == 4:
        return rng.choice(OTHER) + rng.choice(("", "?", "!"))
    if kind == 5:
        return "".join(rng.choice("0123456789") for _ in range(rng.randint(1, 9)))
    if kind == 6:
        return "".join(rng.choice("!?.,;:-_#*+~()[]{}/\\%&$@<>=0123456789") for _ in range(rng.randint(1, 10)))
    if kind == 7:
        return rng.choice(("asdf", "qwertz", "hjkl", "aaaa", "lol", "hmm", "blah", "xyz", "uhhh", "foo", "haha", "qwerty", "abc",
                           "nope", "yes", "no", "maybe", "why", "what", "ok then", "so what", "and", "because")) * rng.choice((1, 1, 2))
    return "how do i " + pseudo_word(rng) + rng.choice((" a ", " the ", " my ")) + pseudo_word(rng)
