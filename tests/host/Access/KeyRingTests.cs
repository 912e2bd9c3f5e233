using Btx.Server.Access;
using Btx.Server.Tests.Fakes;
using Microsoft.Extensions.Logging;

namespace Btx.Server.Tests.Access;

[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class KeyRingTests : IDisposable
{
    private readonly KeyFiles _files = new();
    private readonly LogLines _log = new();
    private readonly List<bool> _compared = [];

    /// <summary>Key-compare timing, CVE-2025-59425: what is compared is one hash with one hash, in one comparison of constant time,
    /// wherever a secret differs. (Timing itself is not measured: the mechanism is what a test can hold.)</summary>
    [Fact]
    public void One_comparison_decides_wherever_a_secret_differs_and_however_many_keys_there_are()
    {
        var (id, token) = _files.Add(KeyFiles.Plain);
        for (var i = 0; i < 20; i++) _files.Add("generate");
        var ring = Ring("an admin key");
        Assert.Equal(id, ring.Find(token)!.Id);
        Assert.Equal("admin-key", ring.Find("an admin key")!.Id);
        string[] wrong = [.. Enumerable.Range(id.Length + 5, 64).Select(i => token[..i] + (token[i] == '0' ? '1' : '0') + token[(i + 1)..]),
            token[..^1], token + "0", $"btx_{new string('0', 12)}_{token.Split('_')[2]}", "btx_", "btx__", "", "an admin key "];
        Assert.All(wrong, one => Assert.Null(ring.Find(one)));
        Assert.Equal(2 + wrong.Length, _compared.Count);
        Assert.Equal(2, _compared.Count(equal => equal));
    }

    [Fact]
    public void Nobody_waits_for_a_pipe_that_stands_where_the_file_was()
    {
        var (_, token) = _files.Add(KeyFiles.Plain);
        var ring = Ring();
        File.Delete(_files.Keys);
        using (var made = System.Diagnostics.Process.Start("mkfifo", _files.Keys)) made.WaitForExit();
        Assert.NotNull(ring.Find(token));
    }

    [Fact]
    public void Changes_of_the_file_count_at_once_and_one_that_cannot_be_read_changes_nothing()
    {
        var (id, first) = _files.Add(KeyFiles.Plain);
        var ring = Ring();
        Assert.NotNull(ring.Find(first));
        var second = _files.Add("observe");
        Assert.Equal(["observe"], ring.Find(second)!.Scopes);
        Assert.Equal(2, ring.Count);

        var good = File.ReadAllBytes(_files.Keys);
        File.WriteAllText(_files.Keys, "{");
        for (var i = 0; i < 3; i++) Assert.NotNull(ring.Find(first));
        var line = Assert.Single(_log.All);
        Assert.Contains($"--keys {_files.Keys}: not a file of API keys", line, StringComparison.Ordinal);
        Assert.EndsWith("; the keys that were read before stay in force", line, StringComparison.Ordinal);
        File.Delete(_files.Keys);
        Assert.NotNull(ring.Find(first));
        Assert.Equal(2, _log.All.Count);

        SecretFile.Write(_files.Keys, good);
        _files.Revoke(id);
        Assert.Null(ring.Find(first));
        Assert.NotNull(ring.Find(second));
        Assert.Equal(2, _log.All.Count);
    }

    public void Dispose()
    {
        _files.Dispose();
        _log.Dispose();
    }

    private KeyRing Ring(string? adminKey = null)
    {
        var logger = LoggerFactory.Create(builder => builder.AddProvider(_log)).CreateLogger<KeyRing>();
        return new(new() { KeyFile = _files.Keys, AdminKeyHash = adminKey is null ? null : ApiKey.Hash(adminKey) }, logger, (a, b) =>
        {
            Assert.Equal((32, 32), (a.Length, b.Length));
            _compared.Add(a.AsSpan().SequenceEqual(b));
            return _compared[^1];
        });
    }
}
