using System.IO.Compression;
using System.Text;
using Btx.Model;
using Btx.Trainer.Corpora;

namespace Btx.Trainer.Tests.Corpora;

public sealed class OwnFolderTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly CorpusNotes notes = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Text_files_and_lines_become_documents()
    {
        folder.Write("notes.txt", "hello");
        folder.Write("LOUD.TXT", "loud");
        folder.Write("deep/mail.jsonl",
            "{\"text\": \"one\"}\n\n{\"id\": \"x\", \"text\": \"two\", \"other\": 1}\n{\"id\": 7, \"text\": \"three\"}");
        folder.Write("GPL-2.0", "read me");
        folder.Write("guide.md", "# Guide");
        folder.Write("guide.rst", "Guide\n=====");
        folder.Write("code.py", "x = 1");
        folder.Write("page.HTML", "<html><head><title>t</title></head><body><p>a &lt; b</p><script>no()</script><p>c < d</p>");
        folder.Write("utf16.txt", [0xFF, 0xFE, .. Encoding.Unicode.GetBytes("Grüße")]);
        folder.Write("packed.jsonl.gz", Packed("{\"text\": \"four\"}\n"u8));
        folder.Write("packed.txt.GZ", Packed("five"u8));
        Assert.Equal(
            [
                ("GPL-2.0", "read me"), ("LOUD.TXT", "loud"), ("code.py", "x = 1"), ("deep/mail.jsonl:1", "one"), ("x", "two"),
                    ("7", "three"), ("guide.md", "# Guide"), ("guide.rst", "Guide\n====="),
                ("notes.txt", "hello"), ("packed.jsonl.gz:1", "four"), ("packed.txt.GZ", "five"), ("page.HTML", "a < b\n\nc < d"),
                    ("utf16.txt", "Grüße"),
            ],
            Read().Select(d => (d.Id, d.Text.Trim())));
        Assert.Empty(notes.All);
    }

    [Fact]
    public void What_is_left_out_is_counted_with_its_reason()
    {
        folder.Write("a.txt", "text");
        folder.Write("empty.txt", "");
        folder.Write("a.pdf", [0x25, 0x50]);
        folder.Write("b.docx", [1, 2]);
        folder.Write("binary", [1, 0, 2]);
        folder.Write("latin", Encoding.Latin1.GetBytes("Straße"));
        File.CreateSymbolicLink(Path.Combine(folder.Path, "link.txt"), Path.Combine(folder.Path, "a.txt"));
        Directory.CreateSymbolicLink(Path.Combine(folder.Path, "loop"), folder.Path);
        folder.Write("corpus/corpus.json", "{}");
        folder.Write("corpus/x/train.jsonl", "{\"id\":\"1\",\"text\":\"1\"}");
        Assert.Equal(["a.txt"], new OwnFolder(folder.Path, notes, Path.Combine(folder.Path, "corpus")).Read().Select(d => d.Id));
        Assert.Equal(
            [
                "4 files of no known text format, left out: a.pdf; b.docx; binary; latin",
                    "1 corpus that is being made here, left out: corpus",
                "1 empty files (or pipes or devices), left out: empty.txt", "2 links, which are not followed: link.txt; loop",
            ],
            notes.All.Select(n => n.ToString()));
    }

    [Theory]
    [InlineData("{\"text\": \"ok\"}\n{\"text\": 5}\n", ":2: no string \"text\"")]
    [InlineData("{\"text\": \"ok\"}\n\nnot json\n", ":3: not valid JSON")]
    [InlineData("{\"text\": \"ok\"}\n[1]\n", ":2: not a JSON object")]
    [InlineData("{\"text\": \"\\ud800\"}\n{\"text\": \"ok\"}\n", ":1: not valid JSON")]
    [InlineData("{\"text\": \"Stra\u00DFe\"}\n{\"text\": \"ok\"}\n", ":1: not valid UTF-8")]
    public void A_bad_line_names_itself_and_ends_the_reading_only_when_that_is_asked(string content, string expected)
    {
        var path = folder.Write("bad.jsonl", Encoding.Latin1.GetBytes(content));
        Assert.Equal("ok", Assert.Single(Read()).Text);
        var example = Assert.Single(Assert.Single(notes.All).Examples);
        Assert.StartsWith(path + expected, example, StringComparison.Ordinal);
        var message = Assert.Throws<BtxException>(() => new OwnFolder(folder.Path, new CorpusNotes(strict: true)).Read().Count()).Message;
        Assert.Equal(example, message);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void A_text_file_that_is_not_utf8_is_left_out_with_its_line()
    {
        folder.Write("a.txt", "fine");
        var path = folder.Write("bad.txt", [.. "fine\n"u8, .. Encoding.Latin1.GetBytes("Straße")]);
        Assert.Equal(["a.txt"], Read().Select(d => d.Id));
        Assert.StartsWith($"{path}: line 2 is not valid UTF-8", notes.All[0].Examples[0], StringComparison.Ordinal);
        Assert.Throws<BtxException>(() => new OwnFolder(folder.Path, new CorpusNotes(strict: true)).Read().Count());
    }

    [Fact]
    public void An_id_that_stands_twice_is_replaced_by_the_place()
    {
        folder.Write("a.jsonl", "{\"id\": \"x\", \"text\": \"1\"}\n{\"id\": \"x\", \"text\": \"2\"}\n");
        Assert.Equal(["x", "a.jsonl:2"], Read().Select(d => d.Id));
        Assert.Equal("1 ids that stand twice, their documents named by file and line: a.jsonl:2: x", Assert.Single(notes.All).ToString());
    }

    [Fact]
    public void A_packed_file_that_is_damaged_cut_off_or_a_bomb_is_left_out_with_the_reason()
    {
        var whole = Packed(Encoding.UTF8
            .GetBytes(string.Concat(Enumerable.Range(0, 4000).Select(i => $"{{\"text\": \"line {i * i}\"}}\n"))));
        folder.Write("a.txt", "fine");
        folder.Write("cut.txt.gz", whole[..(whole.Length / 2)]);
        folder.Write("damaged.txt.gz", [.. whole[..^6], 9, .. whole[^5..]]);
        folder.Write("none.txt.gz", "not packed at all"u8.ToArray());
        folder.Write("whole.jsonl.gz", whole);
        using (var file = File.Create(Path.Combine(folder.Path, "bomb.txt.gz")))
        {
            using var pack = new GZipStream(file, CompressionLevel.Fastest);
            var zeros = new byte[1 << 20];
            zeros.AsSpan().Fill((byte)'a');
            for (var i = 0; i <= OwnFile.MostTextBytes >> 20; i++) pack.Write(zeros);
        }

        Assert.Equal(4001, Read().Count);
        var problems = Assert.Single(notes.All);
        Assert.Equal(4, problems.Count);
        foreach (var (file, reason) in new[] { ("bomb", "more than 256 MiB in one document"), ("cut", "is cut off"),
            ("damaged", "damaged"), ("none", "is no gzip file") })
            Assert.Contains(problems.Examples, e => e.Contains($"/{file}.txt.gz: ", StringComparison.Ordinal)
                && e.Contains(reason, StringComparison.Ordinal));
    }

    [Fact]
    public void A_folder_without_text_is_refused_and_says_what_it_has()
    {
        Assert.Contains("has no file of text", Assert.Throws<BtxException>(() => new OwnFolder(folder.Path, notes)).Message,
            StringComparison.Ordinal);
        Assert.Contains("is not there", Assert.Throws<BtxException>(() => new OwnFolder(folder.Path + "-none", notes)).Message,
            StringComparison.Ordinal);
        folder.Write("a.pdf", "x");
        Assert.EndsWith("it has 1 files of no known text format, left out: a.pdf",
            Assert.Throws<BtxException>(() => new OwnFolder(folder.Path, notes)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_hash_follows_names_contents_and_what_is_left_out()
    {
        string Hash() => new OwnFolder(folder.Path, new CorpusNotes()).Hash();
        folder.Write("a.txt", "1");
        var before = Hash();
        Assert.Equal(before, Hash());
        folder.Write("a.txt", "2");
        var changed = Hash();
        Assert.NotEqual(before, changed);
        folder.Write("b.pdf", "x");
        Assert.NotEqual(changed, Hash());
    }

    [Theory]
    [InlineData("jsonl")]
    [InlineData("jsonl.gz")]
    [InlineData("txt.gz")]
    [InlineData("html")]
    [InlineData("md")]
    public void Damaged_files_are_noted_or_read_but_never_crash(string ending)
    {
        byte[] good = ending switch
        {
            "jsonl" => "{\"id\": \"a\", \"text\": \"eins \\u00e4\"}\n{\"text\": \"zwei\"}\n\n{\"id\": 3, \"text\": \"drei\"}"u8.ToArray(),
            "jsonl.gz" => Packed("{\"id\": \"a\", \"text\": \"eins\"}\n{\"text\": \"zwei\"}\n"u8),
            "txt.gz" => Packed("some text, some text, some text"u8),
            _ => "<html><body><!-- c --><div class=\"a>b\"><pre>x\n y</pre><script>a < b</script>&amp;&#x41;&bogus; <b>t</b></div></body>"u8
                .ToArray(),
        };
        var random = new Random(1);
        for (var round = 0; round < 300; round++)
        {
            var bytes = good.ToArray();
            if (round % 4 == 0) bytes = bytes[..random.Next(1, bytes.Length)];
            for (var change = random.Next(1, 6); change > 0; change--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            folder.Write($"f.{ending}", bytes);
            var found = new CorpusNotes();
            Assert.InRange(new OwnFolder(folder.Path, found).Read().Count(), 0, 30);
            Assert.All(found.All, n => Assert.DoesNotContain('\n', n.ToString()));
        }
    }

    private List<CorpusDocument> Read() => [.. new OwnFolder(folder.Path, notes).Read()];

    private static byte[] Packed(ReadOnlySpan<byte> bytes)
    {
        using var packed = new MemoryStream();
        using (var pack = new GZipStream(packed, CompressionMode.Compress, leaveOpen: true)) pack.Write(bytes);
        return packed.ToArray();
    }
}
