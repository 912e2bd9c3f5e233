namespace Btx.Engine.Scheduling;

/// <summary>A model as the loop runs it: its runner and its slots. Holds the model until the loop drops the lane.</summary>
/// <param name="model">Held by the lane; see <see cref="Loop.LaneSet"/>.</param>
internal sealed class Lane(ServedModel model, int expert, int slots, MoeLoad? load = null)
{
    public ServedModel Model { get; } = model;

    public IModelRunner Runner { get; } = model.Runner;

    public SlotPool Slots { get; } = new(slots);

    public string Name => Model.Name;

    public string Title => Expert < 0 ? Name : $"expert \"{Name}\"";

    /// <summary>Index in the current forest; −1 for an average, a BTX model, and a model that left the forest.</summary>
    public int Expert { get; set; } = expert;

    /// <summary>What the last run's tokens asked of a BTX model's experts; null for a dense model.</summary>
    public MoeLoad? Load { get; } = load;

    /// <summary>Unfinished sequences that have it among their members.</summary>
    public int Users { get; set; }

    /// <summary>No new sequence joins; dropped when the last user has left.</summary>
    public bool Retired { get; set; }

    /// <summary>Its last run failed, which was reported.</summary>
    public bool Fails { get; set; }
}

/// <summary>The KV slots of one model. Hands out the lowest free slot, so that running sequences stay close together.</summary>
internal sealed class SlotPool(int count)
{
    private readonly bool[] used = new bool[count];

    public int Count => used.Length;

    public int Free { get; private set; } = count;

    public bool IsUsed(int slot) => used[slot];

    /// <exception cref="InvalidOperationException">No slot is free; ask <see cref="Free"/> first.</exception>
    public int Take()
    {
        var slot = Array.IndexOf(used, false);
        if (slot < 0) throw new InvalidOperationException("no free KV slot");
        used[slot] = true;
        Free--;
        return slot;
    }

    /// <exception cref="InvalidOperationException">The slot is not in use.</exception>
    public void Return(int slot)
    {
        if (!used[slot]) throw new InvalidOperationException($"KV slot {slot} is not in use");
        used[slot] = false;
        Free++;
    }
}

/// <summary>What a BTX model's router did in a run, by layer and expert. Fixed buffers: adding allocates nothing.</summary>
internal sealed class MoeLoad(int layers, int experts)
{
    private readonly int[] tokens = new int[layers * experts];
    private readonly double[] mass = new double[layers * experts];

    public int Layers => layers;

    public int Experts => experts;

    /// <summary>Tokens that each expert computed, [L, N].</summary>
    public ReadOnlyMemory<int> Tokens => tokens;

    /// <summary>Gates given to each expert, summed over tokens, [L, N].</summary>
    public ReadOnlyMemory<double> Mass => mass;

    public void Clear()
    {
        Array.Clear(tokens);
        Array.Clear(mass);
    }

    /// <param name="gates">[T, L, N]; an expert computed the token if its gate is above 0.</param>
    /// <param name="perExpert">[N], counted up: tokens of one request that each expert computed, summed over layers.</param>
    public void Add(ReadOnlySpan<float> gates, Span<long> perExpert)
    {
        for (var at = 0; at < gates.Length; at += tokens.Length)
        {
            var e = 0;
            for (var i = 0; i < tokens.Length; i++)
            {
                var gate = gates[at + i];
                if (gate > 0)
                {
                    tokens[i]++;
                    mass[i] += gate;
                    perExpert[e]++;
                }

                if (++e == experts) e = 0;
            }
        }
    }
}
