using System.Text.Json;
using Btx.Engine;
using Btx.Model.Registry;
using Btx.Server.Tests.Fakes;

namespace Btx.Server.Tests.Verbs.Experts;

/// <summary><c>btx experts remove</c> and <c>verify</c>.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class RemoveVerbTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task A_dry_run_shows_the_residual_of_every_survivor_and_changes_nothing()
    {
        var replay = _server.Disk["replay.sh"];
        var (code, output, errors) = await ExpertsRun.On(_server, null, "remove", "python", "--dry-run", "--purge", "--replay", replay,
            "--corpus", "/corpus", "--seed", "/seed");
        Assert.Equal(0, code);
        Assert.Equal(
            """
            to be removed: python
            priors over the others: novels
            residual ancestry in novels: 0.0000
            residual ancestry in german: 0.2500
            files of python: to be deleted (experts/python of the source forest)
            nothing was changed; the forest is at revision 0

            """, output);
        Assert.Equal($"replay of german from novels: bash {replay} --server {new Uri(_server.GrpcAddress).Authority}\n", errors);
        Assert.True(File.GetUnixFileMode(replay).HasFlag(UnixFileMode.UserExecute));
        Assert.Contains("--corpus /corpus", await File.ReadAllTextAsync(replay, TestContext.Current.CancellationToken),
            StringComparison.Ordinal);
        Assert.Equal((0, null), (_server.Registry.State.Revision, _server.Registry.LastRemoval));
        Assert.Equal("no replay is needed: nothing was branched from what goes\n",
            (await ExpertsRun.On(_server, null, "remove", "german", "--dry-run", "--replay", replay)).Errors);
        using var plan = JsonDocument.Parse((await ExpertsRun.On(_server, null, "remove", "python", "--dry-run", "--json", "-")).Output);
        Assert.Equal(0.25, plan.RootElement.GetProperty("residuals")[1].GetProperty("share").GetDouble());
    }

    [Fact]
    public async Task A_dry_run_says_what_becomes_of_a_served_BTX_model_and_why_the_removal_would_be_refused_for_it()
    {
        _server.Registry.Moe = new("mixed again without python", null);
        var (_, mixed, _) = await ExpertsRun.On(_server, null, "remove", "python", "--dry-run");
        Assert.Contains("the served BTX model: mixed again without python\n", mixed, StringComparison.Ordinal);
        Assert.DoesNotContain("refused", mixed, StringComparison.Ordinal);
        _server.Registry.Moe = new("mixed again without python", "there is no exporter");
        var (_, refused, _) = await ExpertsRun.On(_server, null, "remove", "python", "--dry-run");
        Assert.Contains("the removal would be refused: there is no exporter\n", refused, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_dry_run_says_that_the_purge_would_be_refused()
    {
        _server.Registry.PurgeRefused = "--purge would delete the files of expert \"python\" under other served forests: /other";
        var (code, output, _) = await ExpertsRun.On(_server, null, "remove", "python", "--dry-run", "--purge");
        Assert.Equal(0, code);
        Assert.EndsWith(
            $"""
            files of python: to be kept (experts/python of the source forest)
            the removal would be refused: {_server.Registry.PurgeRefused}
            nothing was changed; the forest is at revision 0

            """, output, StringComparison.Ordinal);
        Assert.DoesNotContain("refused", (await ExpertsRun.On(_server, null, "remove", "python", "--dry-run")).Output,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_remains_of_a_file_is_said_and_no_purge_is_proposed_that_was_given()
    {
        _server.Registry.Became = new("model.safetensors", 6, false, "its name was deleted, but it has another");
        var (code, output, _) = await ExpertsRun.On(_server, null, "remove", "python", "--purge", "--yes", "--reason", "r");
        Assert.Equal(0, code);
        Assert.Contains("  remains      model.safetensors (6 B): its name was deleted, but it has another\n", output,
            StringComparison.Ordinal);
        Assert.DoesNotContain("remove --purge would have", output, StringComparison.Ordinal);
        _server.Registry.Became = new("model.safetensors", 6, false);
        Assert.Contains("files kept   1 where they lie; nothing serves them (remove --purge would have deleted them)\n",
            (await ExpertsRun.On(_server, null, "remove", "german", "--yes", "--reason", "r")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_removal_asks_first_and_shows_what_it_asks_about()
    {
        var refused = await ExpertsRun.On(_server, "no", "remove", "python", "--reason", "r");
        Assert.Equal(1, refused.Code);
        Assert.StartsWith("to be removed: python\n", refused.Errors, StringComparison.Ordinal); // nothing is gone as yet
        Assert.Contains("residual ancestry in german: 0.2500\n", refused.Errors, StringComparison.Ordinal);
        Assert.Equal(1, (await ExpertsRun.On(_server, "no", "remove", "python", "--reason", "r")).Code);
        Assert.Equal(0, _server.Registry.State.Revision);
        Assert.Equal(0, (await ExpertsRun.On(_server, "yes", "remove", "python", "--reason", "r")).Code);
        Assert.Equal(1, _server.Registry.State.Revision);
    }

    [Fact]
    public async Task Where_nobody_can_be_asked_what_is_missing_is_said_before_anything_is_done()
    {
        Assert.Equal((1, "",
            "error: a removal asks first, and there is no terminal to ask on; look at it with --dry-run, then give --yes\n"),
            await ExpertsRun.On(null, null, "remove", "python", "--reason", "r", "--server", "127.0.0.1:1"));
        var (code, output, errors) = await ExpertsRun.On(null, null, "remove", "python", "--yes", "--server", "127.0.0.1:1");
        Assert.Equal((1, ""), (code, output));
        Assert.StartsWith("error: --reason is missing; ", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_removal_leaves_a_certificate_that_verifies_offline()
    {
        var (path, probe) = (_server.Disk["python.json"], _server.Disk["probe.txt"]);
        await File.WriteAllTextAsync(probe, "compare on this", TestContext.Current.CancellationToken);
        var (code, output, _) = await ExpertsRun.On(
            _server, null, "remove", "python", "--lineage", "quarantine", "--in-flight", "abort", "--purge", "--drop-btx", "--probe", probe,
                "--expect-revision", "0", "--certificate", path, "--yes", "--reason", "the licence ended", "--author", "ada");
        Assert.Equal(0, code);
        var asked = _server.Registry.LastRemoval!;
        Assert.Equal((LineagePolicy.Quarantine, InFlightPolicy.Abort, true, true, "compare on this", 0L),
            (asked.Lineage, asked.InFlight, asked.Purge, asked.DropMoe, asked.Probe, asked.ExpectedRevision));
        Assert.Contains("memory       4.10 kB returned\n", output, StringComparison.Ordinal);
        Assert.Contains("residual     german 0.2500\n", output, StringComparison.Ordinal);
        Assert.Contains("equality     passed: largest difference 0E+0 nats over 100 tokens, tolerance 1E-5\n", output,
            StringComparison.Ordinal);
        Assert.Contains("certificate  certificates/c000001.json beside the served forest", output, StringComparison.Ordinal);

        var verified = await ExpertsRun.On(null, null, "verify", path, "--forest", _server.Disk.Served, "--fingerprint",
            _server.Registry.KeyFingerprint);
        Assert.Equal((0, ""), (verified.Code, verified.Errors));
        Assert.StartsWith("certificate of removal c000001: python, by ada on ", verified.Output, StringComparison.Ordinal);
        Assert.Contains("\nvalid\nThis certifies structural, not statistical, unlearning", verified.Output, StringComparison.Ordinal);
        Assert.Contains("any key is accepted", (await ExpertsRun.On(null, null, "verify", path)).Output, StringComparison.Ordinal);

        var fetched = _server.Disk["fetched.json"];
        Assert.Equal(0, (await ExpertsRun.On(_server, null, "certificate", "c000001", "--out", fetched)).Code);
        Assert.Equal(await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken),
            await File.ReadAllBytesAsync(fetched, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_certificate_that_was_changed_or_signed_by_another_key_is_not_valid()
    {
        var path = _server.Disk["python.json"];
        await ExpertsRun.On(_server, null, "remove", "python", "--certificate", path, "--yes", "--reason", "r");
        var other = await ExpertsRun.On(null, null, "verify", path, "--fingerprint", new string('a', 64), "--json", "-");
        Assert.Equal(1, other.Code);
        using var json = JsonDocument.Parse(other.Output);
        Assert.False(json.RootElement.GetProperty("valid").GetBoolean());
        Assert.Equal("c000001", json.RootElement.GetProperty("certificate").GetProperty("change_id").GetString());
        await File.WriteAllTextAsync(path, (await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken)).Replace("0.25",
            "0.05", StringComparison.Ordinal), TestContext.Current.CancellationToken);
        var changed = await ExpertsRun.On(null, null, "verify", path);
        Assert.Equal(1, changed.Code);
        Assert.Contains("FAULT  the signature does not fit", changed.Output, StringComparison.Ordinal);
        Assert.EndsWith("NOT VALID\n", changed.Output, StringComparison.Ordinal);
        Assert.Equal(1, (await ExpertsRun.On(null, null, "verify", "/nowhere/c.json")).Code);
    }

    [Theory]
    [InlineData(1, "no expert \"nobody\" in the forest", "remove", "nobody", "--yes", "--reason", "r")]
    [InlineData(1, "without novels, python, german no expert is left", "remove", "novels", "python", "german", "--yes", "--reason", "r")]
    [InlineData(1, "--expect-revision is 3, but the forest is at revision 0", "remove", "python", "--expect-revision", "3", "--yes",
        "--reason", "r")]
    [InlineData(1, "--probe /nowhere/x: cannot be read", "remove", "python", "--probe", "/nowhere/x", "--yes", "--reason", "r")]
    [InlineData(1, "named twice", "remove", "python", "python", "--yes", "--reason", "r")]
    [InlineData(1, "--reason is missing", "remove", "python", "--yes")]
    [InlineData(1, "name its text with --corpus DIR", "remove", "python", "--dry-run", "--replay", "/tmp/replay.sh")]
    [InlineData(1, "has no certificate", "certificate", "c000009", "--out", "/tmp/c.json")]
    [InlineData(2, "some", "remove", "python", "--lineage", "some")]
    [InlineData(2, "gently", "remove", "python", "--in-flight", "gently")]
    [InlineData(2, "--expect-revision \"x\": expected a whole number", "remove", "python", "--expect-revision", "x")]
    public async Task Bad_input_is_one_line(int code, string message, params string[] arguments)
    {
        var run = await ExpertsRun.On(_server, null, arguments);
        Assert.Equal(code, run.Code);
        Assert.Contains(message, run.Errors, StringComparison.Ordinal);
        Assert.Equal(0, _server.Registry.State.Revision);
    }
}
