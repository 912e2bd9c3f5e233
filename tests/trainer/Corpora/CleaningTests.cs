using System.Text;
using Btx.Trainer.Corpora.Cleaning;

namespace Btx.Trainer.Tests.Corpora;

public sealed class CleaningTests
{
    private static readonly string Filler = string.Concat(Enumerable.Range(0, 40).Select(i => $"word{i} "));

    [Theory]
    [InlineData("a\r\nb\rc\fd", "a\nb\nc\nd")]
    [InlineData("a  \t\nb", "a\nb")]
    [InlineData("a\n\n\n\n\nb", "a\n\nb")]
    [InlineData("a\n \n\t\n \nb", "a\n\nb")]
    [InlineData("\uFEFFa\u0000\u0007b\u0085c\uFFFF", "abc")]
    [InlineData("a\u00A0b", "a b")]
    [InlineData("e\u0301", "é")]
    [InlineData("\n\n  a\tb \n", "a\tb")]
    [InlineData("", "")]
    [InlineData("   keeps\n    indents", "keeps\n    indents")]
    public void Text_is_brought_into_one_form(string text, string expected)
    {
        Assert.Equal(expected, TextCleaner.Clean(text));
        Assert.Equal(expected, TextCleaner.Clean(TextCleaner.Clean(text)));
    }

    [Fact]
    public void An_unpaired_surrogate_is_replaced() => Assert.Equal("a\uFFFDb", TextCleaner.Clean("a" + '\uD800' + "b"));

    [Fact]
    public void Bytes_that_are_not_utf8_are_read_as_latin1()
    {
        Assert.Equal("Straße", TextCleaner.Decode(Encoding.UTF8.GetBytes("Straße")));
        Assert.Equal("Straße", TextCleaner.Decode(Encoding.Latin1.GetBytes("Straße")));
    }

    [Theory]
    [InlineData(CommentStyle.Hash, "# Copyright 2001 X\n# All rights reserved\n\nimport os\n", "import os\n")]
    [InlineData(CommentStyle.Hash, "# What this module is for\n\nimport os\n", "# What this module is for\n\nimport os\n")]
    [InlineData(CommentStyle.Slashes, "// Copyright X.\n// license\n\npackage main", "package main")]
    [InlineData(CommentStyle.Slashes, "/* Licence:\n free */\npackage main", "package main")]
    [InlineData(CommentStyle.Slashes, "/* never closed, copyright", "/* never closed, copyright")]
    [InlineData(CommentStyle.Parentheses, "(* (c) Copyright *)\n(* by a licence *)\nLemma x.", "Lemma x.")]
    [InlineData(CommentStyle.None, "# Copyright\ntext", "# Copyright\ntext")]
    public void Only_a_leading_comment_about_licences_is_dropped(CommentStyle style, string text, string expected) =>
        Assert.Equal(expected, LicenceHeader.Strip(text, style));

    [Fact]
    public void Short_documents_and_exact_duplicates_are_dropped()
    {
        var filter = new DocumentFilter(new CleaningRules());
        Assert.Null(filter.Clean(new string('a', 199)));
        Assert.NotNull(filter.Clean(Filler));
        Assert.Null(filter.Clean(Filler.Replace(" ", "  \n", StringComparison.Ordinal)));
        Assert.Equal(1, filter.Duplicates);
    }

    [Fact]
    public void A_document_of_mostly_seen_lines_is_dropped_and_a_half_new_one_stays()
    {
        var lines = Enumerable.Range(0, 20).Select(i => $"line {i} is long enough to count as a line of its own").ToArray();
        var filter = new DocumentFilter(new CleaningRules());
        Assert.NotNull(filter.Clean(string.Join('\n', lines)));
        Assert.Null(filter.Clean(string.Join('\n', lines.Take(14)) + "\n"
            + string.Join('\n', Enumerable.Range(0, 6).Select(i => $"another {i} is long enough to count as a line here"))));
        Assert.NotNull(filter.Clean(string.Join('\n', lines.Take(8)) + "\n"
            + string.Join('\n', Enumerable.Range(0, 12).Select(i => $"further {i} is long enough to count as a line here"))));
    }

    [Fact]
    public void Lines_over_the_limit_go_except_in_prose()
    {
        var text = Filler + "\n" + new string('x', 5001) + "\nend";
        Assert.Equal(Filler.Trim() + "\nend", new DocumentFilter(new CleaningRules()).Clean(text));
        Assert.Contains("xxx", new DocumentFilter(CleaningRules.Prose).Clean(text), StringComparison.Ordinal);
    }

    [Fact]
    public void English_pages_of_a_translation_are_dropped()
    {
        var rules = new CleaningRules { DropEnglish = true };
        var english = string.Concat(Enumerable.Range(0, 20)
            .Select(i => $"This is the page {i} that you open for the settings of the file. "));
        var german = string.Concat(Enumerable.Range(0, 20).Select(i => $"Das ist die Seite {i}, auf der Sie die Datei einstellen. "));
        Assert.Null(new DocumentFilter(rules).Clean(english));
        Assert.NotNull(new DocumentFilter(rules).Clean(german));
    }

    [Fact]
    public void Own_text_keeps_its_short_documents()
    {
        var filter = new DocumentFilter(CleaningRules.OwnText);
        Assert.Equal("a", filter.Clean("a\r\n"));
        Assert.Null(filter.Clean(" \n "));
        Assert.Null(filter.Clean("a"));
    }
}
