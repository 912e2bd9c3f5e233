using Btx.Model;
using Btx.Model.Registry;

namespace Btx.Server.Tests.Chaos;

/// <summary>Power loss and damage of a journal that a real server wrote: every prefix is a legal state, but
/// one whose end was signed is refused.</summary>
public sealed class JournalDamageTests
{
    [Fact]
    public async Task Every_prefix_is_a_legal_state_and_every_changed_byte_is_seen()
    {
        using var forest = new ChaosForest("alpha", "beta", "gamma");
        var legal = new List<string>();
        await using (var server = await ServerProcess.StartAsync(forest))
        {
            async Task NoteAsync(Task change)
            {
                await change;
                legal.Add((await server.ListAsync()).StateSha256);
            }

            await NoteAsync(Task.CompletedTask);
            await NoteAsync(server.AddAsync("delta", forest.Guest("delta")));
            await NoteAsync(server.AverageAsync("pair", "alpha", "delta"));
            await NoteAsync(server.RollbackAsync());
            await NoteAsync(server.RemoveAsync("beta"));
            await NoteAsync(server.RemoveAsync("delta", purge: true));
            await StateCheck.ServesAsync(server, forest, "alpha", "gamma");
        }

        var journal = await File.ReadAllBytesAsync(forest.Journal, TestContext.Current.CancellationToken);
        await AssertCutIsRefusedAsync(forest, journal);
        DropKey(forest);
        AssertEveryPrefix(forest, journal, legal);
        AssertEveryFlip(forest, journal);

        ChaosForest.Write(Path.Combine(forest.Guests, "delta"), "delta"); // deleted only after the commit
        int[] ends = [.. journal.Index().Where(b => b.Item == '\n').Select(b => b.Index + 1)];
        // nothing, first line, no newline, a begin, the commit of the purge
        int[] cuts = [0, ends[0] / 2, ends[2] - 1, ends[3] + 900, ends[^3] - 20];
        foreach (var cut in cuts)
        {
            DropKey(forest);
            // of removals that this journal does not have
            Directory.Delete(Path.Combine(forest.Served, RemovalCertificate.DirectoryName), recursive: true);
            await File.WriteAllBytesAsync(forest.Journal, journal[..cut], TestContext.Current.CancellationToken);
            var expected = JournalContents.Read(forest.Served).State?.Hash() ?? legal[0];
            await using var server = await ServerProcess.StartAsync(forest);
            Assert.Equal(expected, await StateCheck.IsWellAsync(server, forest));
            Directory.CreateDirectory(Path.Combine(forest.Served, RemovalCertificate.DirectoryName));
        }

        foreach (var at in new[] { 30, journal.Length / 2, journal.Length - 100 })
        {
            var damaged = (byte[])journal.Clone();
            damaged[at] ^= 1;
            await File.WriteAllBytesAsync(forest.Journal, damaged, TestContext.Current.CancellationToken);
            await using var server = await ServerProcess.LaunchAsync(forest);
            Assert.False(server.Started);
            Assert.Equal(1, await server.EndAsync());
            Assert.Matches("^error: .*forest.journal: line [0-9]+ is damaged .*restore the file from a copy", Assert.Single(server.Errors));
            Assert.Equal(damaged, await File.ReadAllBytesAsync(forest.Journal, TestContext.Current.CancellationToken));
        }
    }

    // The operator's way to go on with what a journal has.
    private static void DropKey(ChaosForest forest)
    {
        foreach (var name in new[] { ChangeJournal.HeadName, CertificateSigner.KeyName, CertificateSigner.PublicKeyName })
            File.Delete(Path.Combine(forest.Served, name));
    }

    private static async Task AssertCutIsRefusedAsync(ChaosForest forest, byte[] journal)
    {
        var last = journal.AsSpan(0, journal.Length - 1).LastIndexOf((byte)'\n') + 1;
        await File.WriteAllBytesAsync(forest.Journal, journal[..last], TestContext.Current.CancellationToken);
        await using var server = await ServerProcess.LaunchAsync(forest);
        Assert.False(server.Started);
        Assert.Equal(1, await server.EndAsync());
        Assert.Matches(
            "^error: .*forest.journal: ends with record [0-9]+, but forest.head is signed for [0-9]+: its end was cut off; restore",
            Assert.Single(server.Errors));
        await File.WriteAllBytesAsync(forest.Journal, journal, TestContext.Current.CancellationToken);
    }

    private static void AssertEveryPrefix(ChaosForest forest, byte[] journal, List<string> legal)
    {
        using var file = new FileStream(forest.Journal, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        var at = legal.Count - 1;
        for (var length = journal.Length; length >= 0; length--)
        {
            file.SetLength(length);
            var hash = JournalContents.Read(forest.Served).State?.Hash() ?? legal[0];
            if (hash == legal[at]) continue;
            Assert.Equal(legal[--at], hash);
        }

        Assert.Equal(0, at);
        file.Write(journal);
    }

    private static void AssertEveryFlip(ChaosForest forest, byte[] journal)
    {
        var random = new Random(4);
        for (var i = 0; i < 400; i++)
        {
            var damaged = (byte[])journal.Clone();
            damaged[random.Next(journal.Length)] ^= (byte)(1 << random.Next(8));
            File.WriteAllBytes(forest.Journal, damaged);
            Assert.Contains("is damaged", Assert.Throws<BtxException>(() => JournalContents.Read(forest.Served)).Message,
                StringComparison.Ordinal);
        }

        File.WriteAllBytes(forest.Journal, journal);
    }
}
