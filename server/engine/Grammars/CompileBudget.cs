namespace Btx.Engine.Grammars;

/// <summary>What compiling one schema may cost, whoever wrote it. Each limit is named in the error.</summary>
internal sealed class CompileBudget
{
    public const int MaxStates = 60_000; // so that one fits 16 bits
    public const int MaxPlaces = 60_000;
    public const int MaxSteps = 2_000_000;

    private int states, places, steps;

    /// <summary>Of memory that the automata keep, about.</summary>
    public long Bytes { get; set; }

    public void TakeState()
    {
        if (++states > MaxStates) throw new BtxException($"its automata have more than {MaxStates} states; make it smaller");
    }

    public void TakePlace()
    {
        if (++places > MaxPlaces)
            throw new BtxException($"its objects and arrays have more than {MaxPlaces} places; make it smaller");
    }

    public void TakeSteps(int count = 1)
    {
        if ((steps += count) > MaxSteps)
            throw new BtxException($"it takes more than {MaxSteps} steps to compile; make it simpler");
    }
}
