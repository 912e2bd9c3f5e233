using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using System.Text.RegularExpressions;
using Btx.Model;
using Btx.Trainer.Corpora.Extraction;

namespace Btx.Trainer.Tests.Corpora;

public sealed class ExtractionTests
{
    [Fact]
    public void R_character_vectors_are_read_from_every_block()
    {
        byte[] file = [.. Block(["SENSE", "", "Chapter 1"]), .. Block(["Übung", null, "x"])];
        var vectors = RdbStrings.Read(file, "Rdata.rdb");
        Assert.Equal(2, vectors.Count);
        Assert.Equal(["SENSE", "", "Chapter 1"], vectors[0]);
        Assert.Equal(["Übung", "", "x"], vectors[1]);
    }

    [Fact]
    public void A_damaged_R_database_is_refused_wherever_it_is_cut()
    {
        var file = Block(["SENSE AND SENSIBILITY", "by Jane Austen", "Chapter 1"]);
        for (var length = 1; length < file.Length; length++)
            Assert.Throws<BtxException>(() => RdbStrings.Read(file.AsMemory(0, length), "Rdata.rdb"));
    }

    [Fact]
    public void Novels_are_split_at_their_chapters()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("Rdata.rdb", Block(["EMMA", "", "CHAPTER I", "one", "", "CHAPTER II", "two", "the chapter ended"]));
        var documents = NovelChapters.Read(path).ToList();
        Assert.Equal(["emma/0", "emma/1", "emma/2"], documents.Select(d => d.Id));
        Assert.Equal("CHAPTER II\ntwo\nthe chapter ended", documents[2].Text);
    }

    [Fact]
    public void Verses_lose_their_prefix_and_become_chapters()
    {
        var chapters = BibleChapters.Parse("Ge1:1 In the beginning\nGod created.\nGe1:2 And the earth\nGe2:1 Thus\n1Sa1:1 Now there\n")
            .ToList();
        Assert.Equal(["kjv/Ge1", "kjv/Ge2", "kjv/1Sa1"], chapters.Select(c => c.Id));
        Assert.Equal("1 In the beginning\nGod created.\n2 And the earth", chapters[0].Text);
    }

    [Theory]
    [InlineData("<p>a</p><p>b &amp; c&nbsp;d</p>", "\na\n\nb & c d\n")]
    [InlineData("a<script>if (x < 1) y();</script>b", "ab")]
    [InlineData("<head><title>t</title></head>x", "x")]
    [InlineData("a<!-- <p>no</p> -->b", "ab")]
    [InlineData("a   b\n c", "a b c")]
    [InlineData("<pre>a\n  b</pre>", "\na\n  b\n")]
    [InlineData("<a title=\"x > y\">z</a>", "z")]
    [InlineData("a <b>bold</b> c", "a bold c")]
    [InlineData("</div></nav>text", "\ntext")]
    [InlineData("<tr><td>1</td><td>2</td></tr>", "\n1 2\n")]
    [InlineData("open <p", "open\n")]
    public void Html_becomes_running_text(string html, string expected) =>
    Assert.Equal(expected, HtmlText.Convert(html).Replace('\u00A0', ' '));

    [Fact]
    public void Only_the_display_area_of_a_help_page_is_read() =>
        Assert.Equal("Inhalt", HtmlText.HelpPage(
        "<html><div>Menü</div><div id=\"DisplayArea\" itemtype=\"x\"><p>Inhalt</p></div><div id=\"SearchFrame\">Suche</div>").Trim());

    [Fact]
    public void Navigation_of_the_database_manual_is_left_out() =>
        Assert.Equal("SELECT reads rows",
        HtmlText.ManualPage("<body><p>SELECT reads rows</p><p>Next: INSERT</p><p>Home page</p></body>").Trim());

    [Fact]
    public void Metamath_sections_lose_compressed_proofs_and_credits()
    {
        const string banner = "\n$(\n#*#*#*#*#*#*#*#\n  Title\n#*#*#*#*#*#*#*#\n$)\n";
        var documents = MetamathSections
            .Split($"head{banner}  a1i $p |- x $= ( wi ax-1 ax-mp ) ABCDE\n FGH $.\n $( Doc.  "
                + $"(Contributed by NM,\n 5-Aug-1993.) $)\n{banner}  tail")
            .ToList();
        Assert.Equal(["set.mm/0.0", "set.mm/1.0", "set.mm/2.0"], documents.Select(d => d.Id));
        Assert.Contains("( wi ax-1 ax-mp ) $.", documents[1].Text, StringComparison.Ordinal);
        Assert.DoesNotContain("FGH", documents[1].Text, StringComparison.Ordinal);
        Assert.DoesNotContain("Contributed", documents[1].Text, StringComparison.Ordinal);
        Assert.Contains("Doc.", documents[1].Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Tags_of_the_Brown_corpus_are_stripped() =>
        Assert.Equal(
            "The jury said \"no\", and/or left.\nWhy?\n",
            TaggedWords.Plain("\tThe/at jury/nn said/vbd ``/`` no/rb ''/'' ,/, and/or/cc left/vbd ./.\n\n\n Why/wrb ?/.\n"));

    [Fact]
    public void WordNet_lines_become_synonyms_and_gloss()
    {
        Assert.Null(WordNetGlosses.Entry("  1 This software and database is being provided", "data.adv"));
        Assert.Equal(
            "barely, just now: only a very short time before",
            WordNetGlosses.Entry("00002621 02 r 02 barely 0 just_now 0 000 | only a very short time before  ", "data.adv"));
        Assert.Contains("data.adv: line 3", Assert.Throws<BtxException>(() => WordNetGlosses.Entry("nonsense", "data.adv: line 3")).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Dictionary_entries_start_in_the_first_column()
    {
        var entry = new string('x', 3000);
        var documents = DictionaryEntries.Split($"alpha\n\n   {entry}\n\nbeta\n\n   {entry}\n\ngamma\n\n   short", "foldoc").ToList();
        Assert.Equal(2, documents.Count);
        Assert.StartsWith("gamma", documents[1].Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Manual_pages_lose_header_footer_and_colophon()
    {
        const string printed =
            "ls(1)    User Commands    ls(1)\n\n\n\nNAME\n       ls \u2010 list\nCOLOPHON\n       part of "
            + "a release\n\n\n\nGNU    2022-10-30    ls(1)\n";
        Assert.Equal("NAME\n       ls - list", ManualPages.Body(printed).Trim());
    }

    [Fact]
    public void Licence_texts_are_read_by_identifier()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("spdx-full.json", """{"Z": {"licenseText": "zed"}, "MIT": {"name": "x", "licenseText": "as is"}}""");
        Assert.Equal([("MIT", "as is"), ("Z", "zed")], SpdxLicences.Read(path).Select(d => (d.Id, d.Text)));
        Assert.Throws<BtxException>(() => SpdxLicences.Read(folder.Write("bad.json", "[1]")).ToList());
    }

    [Fact]
    public void Source_files_come_in_order_without_links_and_skipped_folders()
    {
        using var folder = new TemporaryFolder();
        folder.Write("b.py", "b");
        folder.Write("a/c.py", "c");
        folder.Write("test/d.py", "d");
        folder.Write("a/e.pyc", "e");
        File.CreateSymbolicLink(Path.Combine(folder.Path, "link.py"), Path.Combine(folder.Path, "b.py"));
        Assert.Equal(["a/c.py", "b.py"], SourceFiles.Read(folder.Path, ".py", new Regex("(^|/)test/")).Select(d => d.Id));
        Assert.Throws<BtxException>(() => SourceFiles.Read(Path.Combine(folder.Path, "none"), ".py").ToList());
    }

    [Fact]
    public void Passages_join_pieces_until_they_are_long_enough() =>
        Assert.Equal(["aa|bb", "cccc", "d"], Passages.Join(["aa", "bb", "cccc", "d"], 3, "|"));

    /// <summary>One block of a lazy-load database: a version 3 XDR serialisation of a character vector, deflated.</summary>
    private static byte[] Block(string?[] strings)
    {
        using var data = new MemoryStream();
        data.Write("X\n"u8);
        void Int(int value)
        {
            var bytes = new byte[4];
            BinaryPrimitives.WriteInt32BigEndian(bytes, value);
            data.Write(bytes);
        }

        Int(3);
        Int(0x00040201);
        Int(0x00030500);
        Int(5);
        data.Write("UTF-8"u8);
        Int(16);
        Int(strings.Length);
        foreach (var text in strings)
        {
            Int(0x00040009);
            var bytes = text is null ? [] : Encoding.UTF8.GetBytes(text);
            Int(text is null ? -1 : bytes.Length);
            data.Write(bytes);
        }

        using var block = new MemoryStream();
        var header = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(header, (int)data.Length);
        block.Write(header);
        using (var zlib = new ZLibStream(block, CompressionLevel.Optimal, leaveOpen: true)) zlib.Write(data.ToArray());
        return block.ToArray();
    }
}
