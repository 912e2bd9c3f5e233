using System.Runtime.CompilerServices;
using Btx.Server.Verbs.Experts;
using Btx.V1;

namespace Btx.Server.Tests.Verbs.Experts;

public sealed class ChangeRunTests
{
    [Fact]
    public async Task Where_progress_is_silent_it_says_that_it_waits()
    {
        await using var said = new WaitingWriter();
        var result = await ChangeRun.FollowAsync(said, Updates(said, TestContext.Current.CancellationToken), TimeSpan.FromMilliseconds(20));
        Assert.Equal("c000001", result.Change.Id);
        var lines = said.ToString().Split('\n');
        Assert.Matches("^  still waiting, .+ m?s: the server has not answered yet$", lines[0]);
        Assert.Contains(lines, line => line.StartsWith("  check     still waiting, ", StringComparison.Ordinal)
            && line.EndsWith(": comparing", StringComparison.Ordinal));
    }

    private static async IAsyncEnumerable<ChangeUpdate> Updates(WaitingWriter said, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await said.WaitsAsync(cancellation);
        yield return new() { Progress = new() { Phase = "check", Message = "comparing" } };
        await said.WaitsAsync(cancellation);
        yield return new() { Result = new() { Change = new() { Id = "c000001" } } };
    }

    /// <summary>Tells that it was told to wait.</summary>
    private sealed class WaitingWriter : StringWriter
    {
        private TaskCompletionSource _told = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task WaitsAsync(CancellationToken cancellation) =>
            (_told = new(TaskCreationOptions.RunContinuationsAsynchronously)).Task.WaitAsync(cancellation);

        public override void WriteLine(string? value)
        {
            base.WriteLine(value);
            if (value?.Contains("still waiting", StringComparison.Ordinal) == true) _told.TrySetResult();
        }
    }
}
