using System.Globalization;
using System.Numerics;
using Btx.Model.Registry;

namespace Btx.Model.Tests.Registry;

/// <summary>What the holder of the genuine key signs that is not so, and signatures that are changed and still verify.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class ForgedCertificateTests
{
    private static readonly BigInteger Order = BigInteger.Parse("00ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
        NumberStyles.HexNumber);

    public static TheoryData<string, Func<RemovalCertificate, RemovalCertificate>> Forgeries => new()
    {
        { "residuals",
            c => c with { Residuals = [.. c.Residuals.Select(r => r with { Share = 0, ByAncestor = new Dictionary<string, double>() })] } },
        { "residuals", c => c with { Residuals = [.. c.Residuals.Skip(1)] } },
        { "removed", c => c with { Removed = [c.Removed[0] with { Sha256 = SampleForest.Hash("another") }] } },
        { "removed", c => c with { Removed = [c.Removed[0] with { Parents = [] }] } },
        { "removed", c => c with { Removed = [c.Removed[0] with { Files = [c.Removed[0].Files[0] with { Bytes = 7 }] }] } },
        { "removed", c => c with { Policy = LineagePolicy.Cascade, Removed = [.. c.Removed, c.Removed[0] with { Name = "z" }],
            Residuals = [.. c.Residuals.Select(r => r with { Share = 0, ByAncestor = new Dictionary<string, double>() })] } },
        { "policy", c => c with { Policy = LineagePolicy.Quarantine,
            Residuals = [.. c.Residuals.Select(r => r with { Share = 0, ByAncestor = new Dictionary<string, double>() })] } },
        { "equality", c => c with { Equality = c.Equality with { Tolerance = 1.5 } } },
        { "equality", c => c with { Equality = c.Equality with { ProbeTokens = 9 } } },
        { "caches", c => c with { Caches = c.Caches with { Sessions = 99 } } },
        { "author", c => c with { Author = "eve" } },
        { "reason", c => c with { Reason = "none" } },
        { "time", c => c with { Time = c.Time.AddSeconds(1) } },
        { "requested", c => c with { Requested = ["z"], Removed = [c.Removed[0] with { Name = "z" }],
            Residuals = [.. c.Residuals.Select(r => r with { ByAncestor = new Dictionary<string, double>() })] } },
        { "state_before_sha256", c => c with { StateBeforeSha256 = SampleForest.Hash("before") } },
        { "state_after_sha256", c => c with { StateAfterSha256 = SampleForest.Hash("after") } },
        { "revision_before", c => c with { RevisionBefore = 4, RevisionAfter = 5 } },
        { "journal_records", c => c with { JournalRecords = 2 } },
        { "journal_sha256", c => c with { JournalSha256 = SampleForest.Hash("line") } },
        { "dropped_averages", c => c with { DroppedAverages = ["y"] } },
        { "reweighted_averages", c => c with { ReweightedAverages = ["y"] } },
        { "reweighted_priors", c => c with { ReweightedPriors = ["b"] } },
        { "mixture_before_sha256", c => c with { MoeBeforeSha256 = SampleForest.Hash("m"), MoeAfterSha256 = SampleForest.Hash("n") } },
        { "caches", c => c with { Schema = 1, JournalRecords = null, JournalSha256 = null, Caches = c.Caches with { Sessions = 99 } } },
    };

    private static (RemovalCertificate Certificate, CertificateSigner Signer) Certified(string served, ForestState state)
    {
        var signer = CertificateSigner.Open(served);
        using var journal = ChangeJournal.Open(served, state);
        var change = journal.Commit(journal.Begin(SampleForest.Request(ChangeKind.Remove, "a") with { Policy = LineagePolicy.Only },
            state.Without(["a"])).Id);
        journal.Certified(change.Id, RemovalCertificateTests.Findings(deleted: false));
        return (signer.Sign(RemovalCertificateTests.Unsigned(LineagePolicy.Only, change, state, deleted: false)), signer);
    }

    private static IReadOnlyList<string> Problems(RemovalCertificate certificate, string? served = null) =>
        CertificateVerifier.Verify(certificate.ToJson(), "c.json", null, served).Problems;

    [Theory]
    [MemberData(nameof(Forgeries), DisableDiscoveryEnumeration = true)]
    public void Every_statement_is_compared_with_the_journal_and_named(string field, Func<RemovalCertificate, RemovalCertificate> forge)
    {
        using var directory = new TemporaryDirectory();
        var (served, state) = SampleForest.Write(directory);
        var (certificate, signer) = Certified(served, state);
        using (signer)
        {
            Assert.Empty(Problems(certificate, served));
            var forged = signer.Sign(forge(certificate));
            Assert.Empty(Problems(forged)); // alone it holds: the key is the genuine one
            Assert.Contains(Problems(forged, served), f => f.Contains($"its journal has another {field}: ", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void A_tolerance_that_no_rule_gives_is_not_even_signed()
    {
        using var directory = new TemporaryDirectory();
        using var signer = CertificateSigner.Open(directory.Path);
        var problem = Assert.Throws<BtxException>(() => signer.Sign(
            RemovalCertificateTests.Unsigned() with { Equality = EqualityCheck.Of(SampleForest.Hash("probe"), 100, 1000, 2000) })).Message;
        Assert.Contains("a tolerance of 2000 nats", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void The_second_signature_that_verifies_is_refused_but_for_certificates_from_before_that_rule()
    {
        using var directory = new TemporaryDirectory();
        using var signer = CertificateSigner.Open(directory.Path);
        for (var i = 0; i < 20; i++)
        {
            var certificate = signer.Sign(RemovalCertificateTests.Unsigned());
            Assert.Empty(Problems(certificate));
            var s = BigInteger.Parse("00" + certificate.Signature[64..], NumberStyles.HexNumber);
            Assert.True(s <= Order / 2);
            string Other(string signature) => signature[..64] + (Order - s).ToString("x64", CultureInfo.InvariantCulture)[^64..];
            Assert.Contains("the signature was changed",
                Assert.Single(Problems(certificate with { Signature = Other(certificate.Signature) })), StringComparison.Ordinal);
            var old = signer.Sign(RemovalCertificateTests.Unsigned() with { Schema = 1, JournalRecords = null, JournalSha256 = null });
            s = BigInteger.Parse("00" + old.Signature[64..], NumberStyles.HexNumber);
            Assert.Empty(Problems(old with { Signature = Other(old.Signature) }));
        }
    }

    [Fact]
    public void A_later_finding_of_the_journal_is_told()
    {
        using var directory = new TemporaryDirectory();
        var (served, state) = SampleForest.Write(directory);
        var (certificate, signer) = Certified(served, state);
        signer.Dispose();
        IReadOnlyList<string> Checks() => CertificateVerifier.Verify(certificate.ToJson(), "c.json", null, served).Checks;
        Assert.DoesNotContain(Checks(), check => check.Contains("later finding", StringComparison.Ordinal));
        using (var journal = ChangeJournal.Open(served, state))
            journal.Certified(certificate.ChangeId, RemovalCertificateTests.Findings(deleted: true));
        Assert.Contains(Checks(), check => check.StartsWith(
            $"the journal has a later finding of change {certificate.ChangeId} than this certificate", StringComparison.Ordinal));
    }

    [Fact]
    public void An_end_that_was_cut_off_is_seen_by_who_verifies()
    {
        using var directory = new TemporaryDirectory();
        var (served, state) = SampleForest.Write(directory);
        var (certificate, signer) = Certified(served, state);
        signer.Dispose();
        var path = Path.Combine(served, ChangeJournal.FileName);
        var lines = File.ReadAllLines(path);
        File.WriteAllLines(path, lines[..^1]);
        Assert.Contains($"{path}: ends with record {lines.Length - 1}, but forest.head is signed for {lines.Length}: its end was cut off",
            Assert.Single(Problems(certificate, served)), StringComparison.Ordinal);
    }
}
