using System.Text.Json.Serialization;

namespace Btx.LoadTests.Records;

/// <summary>One request as its client saw it: one line of a run's <c>requests/*.jsonl</c>.
/// Times are seconds since the load began.</summary>
public sealed record RequestRecord
{
    /// <summary>Position in the order of arrival, from 0.</summary>
    public required int Index { get; init; }

    /// <summary>Due before measuring began; left out of every figure but the throughput, to which
    /// its tokens count that arrived later.</summary>
    public bool WarmUp { get; init; }

    /// <summary>When it was due. Latency counts from here, not from <see cref="Sent"/>: a stalled server may not hide the requests
    /// that it held up (coordinated omission).</summary>
    public required double Due { get; init; }

    public required double Sent { get; init; }

    public double? FirstToken { get; init; }

    public double? End { get; init; }

    /// <summary>Seconds between tokens that follow each other, of length <see cref="CompletionTokens"/> - 1.</summary>
    public float[] Gaps { get; init; } = [];

    public int PromptTokens { get; init; }

    public int CompletionTokens { get; init; }

    /// <summary>Domain whose test split the prompt is from.</summary>
    public required string Domain { get; init; }

    /// <summary><c>ok</c>, or why not: the gRPC status or <c>http_503</c>, <c>timeout</c>, <c>unreachable</c>, <c>cut_off</c>.</summary>
    public required string Status { get; init; }

    public string? Finish { get; init; }

    public string? Error { get; init; }

    /// <summary>Rows that ran on each expert for it, from the answer's usage: a token each, a chunk of the prompt one; of
    /// a BTX model tokens, mean over layers.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, double>? ExpertTokens { get; init; }

    [JsonIgnore]
    public bool Ok => Status == "ok";
}
