using System.Text;
using Btx.Model;
using Btx.Trainer.Corpora;

namespace Btx.Trainer.Tests.Corpora;

public sealed class OwnFolderTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Text_files_and_lines_become_documents()
    {
        folder.Write("notes.txt", "hello");
        folder.Write("deep/mail.jsonl", "{\"text\": \"one\"}\n\n{\"id\": \"x\", \"text\": \"two\", \"other\": 1}\n{\"id\": 7, \"text\": \"three\"}");
        folder.Write("ignored.bin", [0xFF]);
        Assert.Equal(
            [("deep/mail.jsonl:1", "one"), ("x", "two"), ("7", "three"), ("notes.txt", "hello")],
            OwnFolder.Read(folder.Path).Select(d => (d.Id, d.Text)));
    }

    [Fact]
    public void A_long_text_is_divided_at_empty_lines()
    {
        var paragraphs = Enumerable.Range(0, 60).Select(i => $"paragraph {i} " + new string('x', 1000)).ToArray();
        folder.Write("book.txt", string.Join("\n\n", paragraphs));
        var documents = OwnFolder.Read(folder.Path).ToList();
        Assert.InRange(documents.Count, 3, 5);
        Assert.Equal("book.txt/0", documents[0].Id);
        Assert.Equal(string.Join("\n\n", paragraphs), string.Join("\n\n", documents.Select(d => d.Text)));
    }

    [Theory]
    [InlineData("{\"text\": \"ok\"}\n{\"text\": 5}\n", "line 2: no string \"text\"")]
    [InlineData("{\"text\": \"ok\"}\n\nnot json\n", "line 3: not valid JSON")]
    [InlineData("[1]\n", "line 1: not a JSON object")]
    [InlineData("{\"text\": \"\\ud800\"}\n", "line 1: not valid JSON")]
    public void A_bad_line_is_named(string content, string expected)
    {
        var path = folder.Write("bad.jsonl", content);
        var message = Assert.Throws<BtxException>(() => OwnFolder.Read(folder.Path).ToList()).Message;
        Assert.StartsWith(path, message, StringComparison.Ordinal);
        Assert.Contains(expected, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Theory]
    [InlineData("bad.txt")]
    [InlineData("bad.jsonl")]
    public void Invalid_utf8_is_named_with_its_line(string name)
    {
        byte[] first = name.EndsWith("txt", StringComparison.Ordinal) ? "fine\n"u8.ToArray() : "{\"text\": \"fine\"}\n"u8.ToArray();
        var path = folder.Write(name, [.. first, .. Encoding.Latin1.GetBytes("{\"text\": \"Straße\"}")]);
        Assert.StartsWith($"{path}: line 2: not valid UTF-8", Assert.Throws<BtxException>(() => OwnFolder.Read(folder.Path).ToList()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_id_that_stands_twice_is_refused()
    {
        folder.Write("a.jsonl", "{\"id\": \"x\", \"text\": \"1\"}\n{\"id\": \"x\", \"text\": \"2\"}\n");
        Assert.Contains("\"x\" stands already", Assert.Throws<BtxException>(() => OwnFolder.Read(folder.Path).ToList()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_empty_or_missing_folder_is_refused()
    {
        Assert.Contains("no .txt or .jsonl", Assert.Throws<BtxException>(() => OwnFolder.Files(folder.Path)).Message, StringComparison.Ordinal);
        Assert.Contains("is not there", Assert.Throws<BtxException>(() => OwnFolder.Files(folder.Path + "-none")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_hash_follows_names_and_contents()
    {
        folder.Write("a.txt", "1");
        var before = OwnFolder.Hash(folder.Path);
        Assert.Equal(before, OwnFolder.Hash(folder.Path));
        folder.Write("a.txt", "2");
        Assert.NotEqual(before, OwnFolder.Hash(folder.Path));
    }
}
