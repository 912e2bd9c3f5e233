using System.Numerics.Tensors;
using Btx.Peers.LlamaCpp.Native;

namespace Btx.Peers.LlamaCpp;

/// <summary>
/// Parallel sequences in one context, as llama.cpp's own server runs them: each step decodes
/// one token of every running sequence and, in the
/// same batch, the prompts of those that just came. Greedy.
/// </summary>
internal sealed unsafe class ParallelSequences : IPeerModel
{
    private const int BatchTokens = 512;

    private readonly nint model, context, memory;
    private readonly Sequence?[] slots;
    private Batch batch;

    /// <param name="path">A GGUF file.</param>
    /// <param name="precision">Of the weights, for the description.</param>
    /// <param name="halfCache">The cache in fp16 and flash attention, llama.cpp's own default and the fastest; else fp32 and plain
    /// attention: flash attention on an fp32 cache takes twice the time.</param>
    /// <exception cref="PeerException">llama.cpp cannot load it.</exception>
    public ParallelSequences(string path, PeerOptions options, string precision, bool halfCache)
    {
        var modelParameters = Llama.ModelDefaults();
        modelParameters.GpuLayers = 0;
        model = Llama.LoadModel(path, modelParameters);
        if (model == 0) throw new PeerException($"{path}: llama.cpp cannot load it; its message is above");
        slots = new Sequence?[options.Slots];
        var length = options.Context ?? Llama.TrainedContext(model);
        var p = Llama.ContextDefaults();
        p.Context = (uint)((length + 255) / 256 * 256 * slots.Length); // llama.cpp's caches come in 256s
        p.Sequences = (uint)slots.Length;
        p.Batch = p.MicroBatch = BatchTokens;
        p.Threads = p.ThreadsOfBatch = options.Threads;
        p.TypeK = p.TypeV = halfCache ? 1 : 0;
        if (!halfCache) p.FlashAttention = 0;
        context = Llama.NewContext(model, p);
        if (context == 0) throw new PeerException($"{path}: llama.cpp cannot make a context of {p.Context} tokens; its message is above");
        memory = Llama.Memory(context);
        Llama.AttachThreadPool(context, Llama.NewThreadPool(options.Threads), 0);
        batch = Llama.NewBatch(BatchTokens, 0, 1);
        Description = new PeerDescription($"llama.cpp {Llama.Release}", options.Threads, slots.Length, length,
            Llama.VocabularySize(Llama.Vocabulary(model)), precision,
            $"cache in {(halfCache ? "fp16" : "fp32")}, parallel sequences of one context that join and leave at any step");
    }

    public PeerDescription Description { get; }

    public int Running { get; private set; }

    public TimeSpan Gather => TimeSpan.Zero;

    public bool TryAdd(PeerRequest request)
    {
        var slot = Array.IndexOf(slots, null);
        if (slot < 0) return false;
        slots[slot] = new Sequence(request);
        Running++;
        return true;
    }

    public void Step(PeerAnswers answers)
    {
        batch.Count = 0;
        for (var i = 0; i < slots.Length; i++)
        {
            if (slots[i] is { Read: var read } s && read >= s.Request.Prompt.Length) s.Feed(ref batch, i, s.Last);
        }

        for (var i = 0; i < slots.Length; i++)
        {
            if (slots[i] is not { } s || s.Generated > 0) continue;
            s.Row = -1;
            while (s.Read < s.Request.Prompt.Length && batch.Count < BatchTokens) s.Feed(ref batch, i, s.Request.Prompt[s.Read]);
        }

        var code = Llama.Decode(context, batch);
        if (code != 0) throw new PeerException($"llama_decode answered {code} for {batch.Count} tokens of {Running} sequences");
        for (var i = 0; i < slots.Length; i++)
        {
            if (slots[i] is { Row: >= 0 } s) Take(s, i, answers);
        }
    }

    public void Cancel(long id)
    {
        var slot = Array.FindIndex(slots, s => s?.Request.Id == id);
        if (slot >= 0) Release(slot);
    }

    public void Dispose()
    {
        Llama.Free(batch);
        Llama.FreeContext(context);
        Llama.FreeModel(model);
    }

    private void Take(Sequence s, int slot, PeerAnswers answers)
    {
        s.Last = TensorPrimitives.IndexOfMax(new ReadOnlySpan<float>(Llama.Logits(context, s.Row), Description.Vocabulary));
        s.Generated++;
        answers.Token(s.Request.Id, s.Last);
        var full = s.Read + 1 >= Description.Context;
        if (s.Generated < s.Request.MaxTokens && !full) return;
        answers.Done(s.Request, s.Generated == s.Request.MaxTokens ? "length" : "context");
        Release(slot);
    }

    private void Release(int slot)
    {
        Llama.Forget(memory, slot, -1, -1);
        slots[slot] = null;
        Running--;
    }

    private sealed class Sequence(PeerRequest request)
    {
        public PeerRequest Request { get; } = request;

        /// <summary>Tokens that the cache holds.</summary>
        public int Read { get; private set; }

        public int Generated { get; set; }

        public int Last { get; set; }

        /// <summary>The batch's row whose logits predict the next token; -1: none in this step.</summary>
        public int Row { get; set; } = -1;

        public void Feed(ref Batch batch, int slot, int token)
        {
            var wanted = Read >= Request.Prompt.Length - 1;
            if (wanted) Row = batch.Count;
            batch.Add(token, Read++, slot, wanted);
        }
    }
}
