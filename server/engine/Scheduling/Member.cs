namespace Btx.Engine.Scheduling;

/// <summary>A sequence's place on one model. Each has its own cached length: nothing assumes that experts are in step.</summary>
internal sealed class Member
{
    private bool joined = true;

    /// <summary>Counts among the lane's users until <see cref="Leave"/>.</summary>
    /// <param name="expert">Index in the sequence's per-expert reports; −1: none.</param>
    /// <param name="capacity">Longest sequence in tokens.</param>
    /// <param name="scores">Whether somebody asks for <see cref="LogProbs"/>.</param>
    public Member(Lane lane, int expert, int capacity, bool scores)
    {
        (Lane, Expert, LogProbs) = (lane, expert, scores ? new double[capacity + 1] : []);
        lane.Users++;
    }

    public Lane Lane { get; }

    public int Expert { get; }

    /// <summary>The KV slot; −1: none.</summary>
    public int Slot { get; set; } = -1;

    public int Cached { get; set; }

    public bool Active { get; set; } = true;

    /// <summary>π of its expert among the sequence's members.</summary>
    public double Prior { get; set; }

    /// <summary>Mixture weight for the next token; 0 while inactive.</summary>
    public double Weight { get; set; } = 1;

    /// <summary>w·p(token) / Σ of the token just drawn, if the request asks for it.</summary>
    public double Contribution { get; set; }

    public int Steps { get; set; }

    /// <summary>[t] = log p(token t | tokens before it), known for 1 ≤ t ≤ <see cref="Cached"/>; empty where nobody asks.</summary>
    public double[] LogProbs { get; }

    /// <summary>This step's row of the lane; valid while the step's logits are mixed.</summary>
    public int Row { get; set; }

    /// <summary>Index of the logits for the next token among the row's wanted positions.</summary>
    public int LogitsPosition { get; set; }

    /// <summary>log Σ exp of those logits.</summary>
    public double LogNormaliser { get; set; }

    public ReadOnlySpan<float> NextLogits => Lane.Runner.Logits(Row, LogitsPosition);

    /// <summary>Returns the slot and the lane. Idempotent.</summary>
    public void Leave()
    {
        ReturnSlot();
        if (!joined) return;
        joined = false;
        Lane.Users--;
    }

    public void ReturnSlot()
    {
        if (Slot < 0) return;
        Lane.Slots.Return(Slot);
        Slot = -1;
        Cached = 0;
    }
}
