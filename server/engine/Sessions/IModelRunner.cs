namespace Btx.Engine.Sessions;

/// <summary>One model with its KV slots. Used by one thread at a time. Tests of the scheduler have an exact fake.</summary>
internal interface IModelRunner : IDisposable
{
    /// <summary>Appends each row's new tokens to its slot, computes wanted logits. If it throws, those slots are undefined.</summary>
    /// <param name="rows">Each slot at most once.</param>
    /// <param name="tokens">The rows' new tokens, one row after the other.</param>
    void Run(ReadOnlySpan<RunRow> rows, ReadOnlySpan<long> tokens);

    /// <summary>Logits [V] of the last run.</summary>
    /// <param name="position">0..Wanted−1: the row's wanted positions in order.</param>
    ReadOnlySpan<float> Logits(int row, int position);

    /// <summary>Log-likelihoods of the last run, [Scored]: of the token that follows, at each scored position of the row.</summary>
    ReadOnlySpan<float> LogLikelihoods(int row);

    /// <summary>A BTX model's gates [Count, L, N] of the last run, for each new token of the row; empty for a dense model.</summary>
    ReadOnlySpan<float> Gates(int row);

    ModelMemory Memory { get; }

    int Sessions { get; }

    /// <summary>Makes faster sessions for a model that was opened for a quick start. Slow; any thread, beside runs.</summary>
    /// <returns>Null where the model has the fastest ones already.</returns>
    IStagedSessions? Stage();
}

/// <summary>One sequence's new tokens in a run of one model.</summary>
/// <param name="Past">Tokens already in that slot.</param>
/// <param name="Count">New tokens, at least 1.</param>
/// <param name="Wanted">How many of the last new positions need logits, 0..Count.</param>
/// <param name="Scored">How many of the positions before those need the likelihood of the token that follows.</param>
/// <param name="Next">The token after the last new position, if that is a scored one.</param>
internal readonly record struct RunRow(int Slot, int Past, int Count, int Wanted, int ExpertsPerToken = 0, int Scored = 0, int Next = 0);

/// <summary>Sessions made beside a model's running ones. Disposal frees whichever of the two do not run.</summary>
internal interface IStagedSessions : IDisposable
{
    /// <summary>Lets the two change places. Between two runs; what the slots hold stays.</summary>
    void Install();
}
