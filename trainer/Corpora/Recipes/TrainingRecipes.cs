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
        Extract = (unpacked, _) => NovelChapters.Read(unpacked.Path("r-cran-janeaustenr", "usr/lib/R/site-library/janeaustenr/data/Rdata.rdb")),
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

    [GeneratedRegex("(^|/)(test|idlelib|encodings|lib2to3|pydoc_data)/|_pydoc_topics", RegexOptions.CultureInvariant)]
    private static partial Regex PythonTables();
}
