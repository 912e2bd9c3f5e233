using System.CommandLine;
using System.Text.Json;
using Btx.Server.Tests.Fakes;
using Btx.Server.Verbs.Experts;

namespace Btx.Server.Tests.Verbs.Experts;

/// <summary><c>btx experts watch</c>.</summary>
public sealed class WatchVerbTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Events_are_printed_as_they_happen_until_the_server_ends(bool json)
    {
        await using var server = await RunningServer.StartAsync();
        await using var output = new FlushedWriter();
        await using var errors = new StringWriter();
        var watching = ExpertsVerb.Create()
            .Parse(["watch", "--server", new Uri(server.GrpcAddress).Authority, .. json ? ["--json", "-"] : Array.Empty<string>()])
            .InvokeAsync(new() { EnableDefaultExceptionHandler = false, Output = output, Error = errors },
            TestContext.Current.CancellationToken);
        while (server.Registry.Watchers == 0) await Task.Delay(1, TestContext.Current.CancellationToken);
        Assert.Equal(0, (await ExpertsRun.On(server, null, "averages", "create", "tales", "--domain", "novels", "--reason", "r")).Code);
        await output.TwoFlushes;
        await server.StopAsync();
        Assert.Equal(0, await watching);
        Assert.Equal("the server has ended\n", errors.ToString());
        var lines = output.ToString().Trim().Split('\n');
        Assert.Equal(2, lines.Length);
        if (json)
        {
            using var last = JsonDocument.Parse(lines[1]);
            Assert.Equal((2, "committed"), (last.RootElement.GetProperty("number").GetInt64(),
                last.RootElement.GetProperty("change").GetProperty("outcome").GetString()));
        }
        else
        {
            Assert.Equal("00:00:00.000  c000001  average tales  build  begun  (revision 0: novels, python, german)", lines[0]);
            Assert.Equal("00:00:00.000  c000001  average tales  committed  committed  (revision 1: novels, python, german)", lines[1]);
        }
    }

    [Fact]
    public async Task Json_goes_to_standard_output_alone() =>
        Assert.Equal("error: --json x.json: events go to standard output; use --json -\n",
        (await ExpertsRun.On(null, null, "watch", "--json", "x.json")).Errors);

    /// <summary>Tells when it was flushed twice.</summary>
    private sealed class FlushedWriter : StringWriter
    {
        private readonly TaskCompletionSource _two = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _flushes;

        public Task TwoFlushes => _two.Task;

        public override Task FlushAsync(CancellationToken cancellationToken)
        {
            if (++_flushes == 2) _two.SetResult();
            return Task.CompletedTask;
        }
    }
}
