using System.Text;
using System.Text.Json.Nodes;
using Btx.Model.Registry;

namespace Btx.Model.Tests.Registry;

[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class RemovalCertificateTests
{
    private static readonly ForestState State = SampleForest.State.WithAverage(NamedAverage.Of("x",
        new Dictionary<string, double> { ["a"] = 1 }));

    internal static RemovalCertificate Unsigned(string policy = LineagePolicy.Only, ChangeRecord? change = null, ForestState? before = null,
        bool deleted = true)
    {
        before ??= State;
        var plan = RemovalPlan.Of(before, ["a"], policy);
        change ??= new()
        {
            Id = "c000001",
            Kind = ChangeKind.Remove,
            Author = "ada",
            Time = DateTimeOffset.UnixEpoch,
            Reason = "unwanted",
            Outcome = ChangeOutcome.Committed,
            RevisionBefore = before.Revision,
            BeforeSha256 = before.Hash(),
            AfterSha256 = before.Apply(plan).Hash(),
            JournalRecords = 3,
            JournalSha256 = SampleForest.Hash("line"),
        };
        return RemovalCertificate.Of(plan, before, before.Apply(plan), change, Findings(deleted));
    }

    internal static CertifiedFindings Findings(bool deleted = true) => new(
        new Dictionary<string, IReadOnlyList<CertifiedFile>> { ["a"] = [new("model.safetensors", 1, deleted)] }, new(1, 2, 3, 4, 5, 6, 7),
            EqualityCheck.Of(SampleForest.Hash("probe"), 100, 1e-7, 1e-6));

    private static CertificateReport Verify(RemovalCertificate certificate, string? fingerprint = null) =>
        CertificateVerifier.Verify(certificate.ToJson(), "c.json", fingerprint);

    [Theory]
    [InlineData(LineagePolicy.Only)]
    [InlineData(LineagePolicy.Cascade)]
    [InlineData(LineagePolicy.Quarantine)]
    public void What_was_signed_is_verified_from_its_file(string policy)
    {
        using var directory = new TemporaryDirectory();
        using var signer = CertificateSigner.Open(directory.Path);
        var path = RemovalCertificate.FileOf(directory.Path, "c000001");
        signer.Sign(Unsigned(policy)).Save(path);
        var report = CertificateVerifier.Verify(path, signer.Fingerprint);
        Assert.Empty(report.Problems);
        Assert.True(report.Valid);
        Assert.Equal(4, report.Checks.Count);
        var certificate = report.Certificate!;
        Assert.Contains("structural, not statistical, unlearning", certificate.Statement, StringComparison.Ordinal);
        Assert.Equal(("a", SampleForest.Hash("a"), true),
            (certificate.Removed[0].Name, certificate.Removed[0].Sha256, certificate.Removed[0].PriorDropped));
        Assert.Equal(["x"], certificate.DroppedAverages);
        Assert.Equal(policy == LineagePolicy.Cascade ? 3 : 1, certificate.Removed.Count);
        Assert.Equal(policy == LineagePolicy.Cascade ? 0 : 0.25, certificate.Residuals.FirstOrDefault(r => r.Expert == "c")?.Share ?? 0);
    }

    [Fact]
    public void A_change_of_any_field_is_seen()
    {
        using var directory = new TemporaryDirectory();
        using var signer = CertificateSigner.Open(directory.Path);
        var json = signer.Sign(Unsigned(LineagePolicy.Quarantine) with
        {
            MoeBeforeSha256 = SampleForest.Hash("before"),
            MoeAfterSha256 = SampleForest.Hash("after"),
            ReweightedAverages = ["y"],
            ReweightedPriors = ["b"],
        }).ToJson();
        Assert.True(CertificateVerifier.Verify(json, "c.json").Valid);
        var leaves = Leaves(JsonNode.Parse(json)!).Select(l => l.GetPath()).ToList();
        var fields = leaves.Count;
        // every property has a value to change
        Assert.Equal(typeof(RemovalCertificate).GetProperties().Count(p => p.CanWrite),
            leaves.Select(l => l[2..].Split('.', '[')[0]).Distinct().Count());
        for (var i = 0; i < fields; i++)
        {
            var node = JsonNode.Parse(json)!;
            var leaf = Leaves(node).ElementAt(i);
            var name = leaf.GetPath();
            leaf.ReplaceWith(Other(leaf));
            RemovalCertificate changed;
            try
            {
                changed = RemovalCertificate.Parse(Encoding.UTF8.GetBytes(node.ToJsonString()), "c.json");
            }
            catch (BtxException)
            {
                continue; // another form is seen too
            }

            var report = Verify(changed); // written as a certificate is, so that only its content can tell
            Assert.False(report.Valid, name);
            if (name != "$.key_fingerprint" && name != "$.public_key")
                Assert.True(report.Problems.Any(f => f.Contains("signature", StringComparison.Ordinal)), name);
        }
    }

    [Fact]
    public void A_change_of_any_byte_is_seen()
    {
        using var directory = new TemporaryDirectory();
        using var signer = CertificateSigner.Open(directory.Path);
        var json = signer.Sign(Unsigned()).ToJson();
        for (var at = 0; at < json.Length; at++)
        {
            var damaged = (byte[])json.Clone();
            damaged[at] ^= (byte)(1 << (at % 8));
            Assert.False(CertificateVerifier.Verify(damaged, "c.json").Valid, $"byte {at}, bit {at % 8}");
            var put = " \n\t,0"u8[at % 5];
            Assert.False(CertificateVerifier.Verify([.. json[..at], put, .. json[at..]], "c.json").Valid,
                $"byte {at}, {put} put before it");
            Assert.False(CertificateVerifier.Verify([.. json[..at], .. json[(at + 1)..]], "c.json").Valid, $"byte {at} left out");
        }

        Assert.False(CertificateVerifier.Verify([.. json, (byte)' '], "c.json").Valid);
        Assert.False(CertificateVerifier.Verify(json.AsSpan(0, json.Length - 1), "c.json").Valid);
        Mutations.Fuzz(json, 300, bytes =>
        {
            if (CertificateVerifier.Verify(bytes, "c.json") is { Valid: false } report) throw new BtxException(report.Problems[0]);
        });
    }

    [Fact]
    public void Another_key_is_seen_where_one_is_expected()
    {
        using var directory = new TemporaryDirectory();
        using var other = new TemporaryDirectory();
        using var signer = CertificateSigner.Open(directory.Path);
        using var forger = CertificateSigner.Open(other.Path);
        var forged = forger.Sign(Unsigned());
        Assert.True(Verify(forged).Valid);
        Assert.False(Verify(forged, signer.Fingerprint).Valid);
        Assert.False(Verify(forged with { PublicKey = signer.Sign(Unsigned()).PublicKey, KeyFingerprint = signer.Fingerprint }).Valid);
        Assert.NotEqual(signer.Fingerprint, forger.Fingerprint);
        Assert.Equal(signer.Fingerprint, CertificateSigner.FingerprintOf(directory.Path));
    }

    [Fact]
    public void The_key_is_its_owners_alone_and_stays()
    {
        using var directory = new TemporaryDirectory();
        string first;
        using (var signer = CertificateSigner.Open(directory.Path)) first = signer.Fingerprint;
        var path = directory[CertificateSigner.KeyName];
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        using (var signer = CertificateSigner.Open(directory.Path)) Assert.Equal(first, signer.Fingerprint);
        Assert.Equal(2, Directory.GetFiles(directory.Path).Length);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        Assert.Contains("chmod 600", Assert.Throws<BtxException>(() => CertificateSigner.Open(directory.Path)).Message,
            StringComparison.Ordinal);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.WriteAllText(path, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
        Assert.Contains("not a P-256 private key", Assert.Throws<BtxException>(() => CertificateSigner.Open(directory.Path)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void What_contradicts_itself_is_not_signed()
    {
        using var directory = new TemporaryDirectory();
        using var signer = CertificateSigner.Open(directory.Path);
        string Problem(Func<RemovalCertificate, RemovalCertificate> change, string policy = LineagePolicy.Only) =>
            Assert.Throws<BtxException>(() => signer.Sign(change(Unsigned(policy)))).Message;
        Assert.Contains("revisions", Problem(c => c with { RevisionAfter = 7 }), StringComparison.Ordinal);
        Assert.Contains("statement", Problem(c => c with { Statement = "all is forgotten" }), StringComparison.Ordinal);
        Assert.Contains("residual ancestry under policy cascade", Problem(c => c with { Policy = LineagePolicy.Cascade }),
            StringComparison.Ordinal);
        Assert.Contains("still serves", Problem(c => c with { Policy = LineagePolicy.Quarantine }), StringComparison.Ordinal);
        Assert.Contains("more was removed", Problem(c => c with { Policy = LineagePolicy.Only }, LineagePolicy.Cascade),
            StringComparison.Ordinal);
        Assert.Contains("removed expert", Problem(c => c with { Residuals = [.. c.Residuals, c.Residuals[0] with { Expert = "a" }] }),
            StringComparison.Ordinal);
        Assert.Contains("requested", Problem(c => c with { Requested = ["b"] }), StringComparison.Ordinal);
        Assert.Contains("says passed", Problem(c => c with { Equality = c.Equality with { Passed = false } }), StringComparison.Ordinal);
        Assert.Contains("leaves out", Problem(c => c with { Equality = c.Equality with { LeftOut = Reasons("nobody") } }),
            StringComparison.Ordinal);
        signer.Sign(Unsigned() with { Equality = Unsigned().Equality with { LeftOut = Reasons(Unsigned().Residuals[0].Expert) } });
        Assert.Contains("leaves its directory", Problem(c => c with { Removed = [c.Removed[0] with { Files = [new("../x", 1, true)] }] }),
            StringComparison.Ordinal);
        var failed = signer.Sign(Unsigned() with { Equality = EqualityCheck.Of(SampleForest.Hash("probe"), 100, 0.5, 1e-6) });
        Assert.Contains("equality check failed", Assert.Single(Verify(failed).Problems), StringComparison.Ordinal);
    }

    [Fact]
    public void A_list_without_a_weight_file_says_so()
    {
        CertifiedFile config = new("config.json", 2, true), shard = new("a/b.safetensors", 2, true);
        Assert.Equal([config, shard], ExpertPurge.Complete([config, shard], purged: true));
        var files = ExpertPurge.Complete(ExpertPurge.Complete([config], purged: false), purged: true);
        Assert.Equal([".", "config.json"], files.Select(f => f.Path));
        Assert.Equal((0L, false), (files[0].Bytes, files[0].Deleted));
        Assert.StartsWith("no weight file lay in the directory", files[0].Remains, StringComparison.Ordinal);
        Assert.Empty(CertificateRules.Problems(Unsigned() with { Removed = [Unsigned().Removed[0] with { Files = files }] }));
    }

    private static Dictionary<string, string> Reasons(string expert) => new() { [expert] = "its file is gone" };

    [Fact]
    public void It_is_compared_with_the_served_forest()
    {
        using var directory = new TemporaryDirectory();
        var (served, state) = SampleForest.Write(directory);
        using var signer = CertificateSigner.Open(served);
        var manifest = SampleForest.Served(SampleForest.Manifest);
        RemovalCertificate certificate;
        CertificateReport Check() => CertificateVerifier.Verify(certificate.ToJson(), "c.json", null, served);
        using (var journal = ChangeJournal.Open(served, state))
        {
            var target = PurgeTarget.Of(state.Expert("a"));
            var change = journal.Begin(SampleForest.Request(ChangeKind.Remove, "a") with { Purge = [target] }, state.Without(["a"]));
            certificate = signer.Sign(Unsigned());
            Assert.Contains(Check().Problems, f => f.Contains("no committed removal c000001", StringComparison.Ordinal));
            change = journal.Commit(change.Id);
            certificate = signer.Sign(Unsigned(LineagePolicy.Only, change, state));
            Assert.Contains(Check().Problems, f => f.Contains("does not have that change c000001 was certified", StringComparison.Ordinal));
            journal.Certified(change.Id, Findings());
            Assert.Contains(Check().Problems, f => f.Contains("the purge of change c000001 has not ended", StringComparison.Ordinal));
            Assert.Contains(Check().Problems, f => f.Contains("is still there", StringComparison.Ordinal));
            ExpertPurge.Delete(target.Directory(served, manifest));
            journal.Purged(change.Id);
            Assert.Empty(Check().Problems);
            Assert.Contains("files of the removed: 1 deleted, 0 kept", Check().Checks);
            journal.Commit(journal.Begin(SampleForest.Request(ChangeKind.Add, "a"), journal.State.WithExpert(SampleForest.Expert("a"))).Id);
            Assert.Contains(Check().Problems, f => f.Contains("added again by change c000002", StringComparison.Ordinal));
        }

        File.Delete(Path.Combine(served, CertificateSigner.PublicKeyName));
        Assert.Contains(Check().Problems, f => f.Contains(CertificateSigner.PublicKeyName, StringComparison.Ordinal));
    }

    private static IEnumerable<JsonNode> Leaves(JsonNode node) => node switch
    {
        JsonObject o => o.Where(p => p.Value is not null).SelectMany(p => Leaves(p.Value!)),
        JsonArray a => a.SelectMany(n => Leaves(n!)),
        _ => [node],
    };

    private static JsonNode Other(JsonNode leaf) => leaf.GetValueKind() switch
    {
        System.Text.Json.JsonValueKind.True => false,
        System.Text.Json.JsonValueKind.False => true,
        System.Text.Json.JsonValueKind.Number => leaf.GetValue<double>() + 1,
        _ when DateTimeOffset.TryParse(leaf.GetValue<string>(), out var time) => time.AddSeconds(1).ToString("O"),
        _ => leaf.GetValue<string>() is { Length: > 0 } text ? text[..^1] + (text[^1] == '0' ? '1' : '0') : "0",
    };
}
