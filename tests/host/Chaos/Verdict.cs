using Btx.V1;
using Grpc.Core;

namespace Btx.Server.Tests.Chaos;

/// <summary>What a change may do to the requests beside it, and nothing else.</summary>
internal sealed class Verdict
{
    /// <summary>Served before.</summary>
    public required IReadOnlyList<string> Before { get; init; }

    /// <summary>Served after.</summary>
    public required IReadOnlyList<string> After { get; init; }

    /// <summary>Timestamps of the call and of its return.</summary>
    public required (long Called, long Returned) Change { get; init; }

    public InFlight Policy { get; init; } = InFlight.Renormalise;

    /// <summary>The server was asked to stop: what was sent then is refused.</summary>
    public bool Stopping { get; init; }

    private string[] Removed => [.. Before.Except(After)];

    public async Task AssertAsync(IReadOnlyList<LoadRecord> records)
    {
        Assert.NotEmpty(records);
        var problems = new List<string>();
        foreach (var record in records)
        {
            if (Problem(record) is { } problem) problems.Add(problem);
            else if (await Oracle.ProblemAsync(record, Legal(record),
                Policy == InFlight.Renormalise && Removed.Length > 0 && IsBeside(record)) is { } wrong)
                problems.Add(wrong);
        }

        Assert.True(problems.Count == 0, $"{problems.Count} of {records.Count} requests:\n{string.Join('\n', problems.Take(8))}");
    }

    private bool IsBeside(LoadRecord record) => record.Ended >= Change.Called && record.Began <= Change.Returned;

    private IReadOnlyList<IReadOnlyList<string>> Legal(LoadRecord record) => IsBeside(record) ? [Before, After]
        : [record.Ended < Change.Called ? Before : After];

    private string? Problem(LoadRecord record)
    {
        var names = Removed.Contains(record.Request.Routing.Expert);
        if (record is { Failure: null, Finish: FinishReason.Length })
        {
            if (names && record.Began > Change.Returned) return $"{record.Name}: answered by an expert that is gone";
            return record.Tokens.Count == record.Request.MaxTokens ? null
                : $"{record.Name}: {record.Tokens.Count} of {record.Request.MaxTokens} tokens";
        }

        var told = record.Failure?.Detail ?? record.Message;
        var clear = told.Length > 0 && !told.Contains('\n', StringComparison.Ordinal);
        var gone = names && record.Ended >= Change.Called
            && (record.Finish == FinishReason.Removed || record.Failure?.StatusCode == StatusCode.NotFound);
        var aborted = Policy == InFlight.Abort && IsBeside(record)
            && (record.Finish == FinishReason.Aborted || record.Failure?.StatusCode == StatusCode.Aborted);
        var refused = Stopping && record is { Failure.StatusCode: StatusCode.Unavailable, Tokens.Count: 0 };
        return clear && (gone || aborted || refused) ? null
            : $"{record.Name}: ended with {record.Finish} {record.Failure?.StatusCode} \"{told}\" after {record.Tokens.Count} tokens";
    }
}
