using Btx.Server.Verbs.Experts;
using Btx.V1;

namespace Btx.Server.Tests.Verbs.Experts;

public sealed class ChangeRunTests
{
    [Fact]
    public async Task A_phase_took_what_the_server_says_however_late_its_progress_came()
    {
        await using var said = new StringWriter();
        var result = await ChangeRun.FollowAsync(said, new ChangeUpdate[]
        {
            new() { Progress = new() { Phase = "validate", Message = "looking", Seconds = 0.1 } },
            new() { Progress = new() { Phase = "validate", Message = "hashing", Fraction = 0.3, Seconds = 0.4 } },
            new() { Progress = new() { Phase = "build", Message = "opening", Seconds = 2.1 } },
            new() { Progress = new() { Phase = "commit", Message = "to disk", Seconds = 2.15 } },
            new() { Result = new() { Change = new() { Id = "c000001" } } },
        }.ToAsyncEnumerable());
        Assert.Equal("c000001", result.Change.Id);
        Assert.StartsWith("  validate       2 s  hashing\n  build        50 ms  opening\n  commit  ", said.ToString(),
            StringComparison.Ordinal);
        Assert.EndsWith("  to disk\n", said.ToString(), StringComparison.Ordinal);
    }
}
