using System.Numerics.Tensors;
using LLama;
using LLama.Common;
using LLama.Native;

namespace Btx.Peers;

/// <summary>Parallel sequences in one context, as llama.cpp's own server runs them: prompts share the batches of decoding.</summary>
internal sealed class LlamaCppModel : IPeerModel
{
    private const int BatchTokens = 512;
    private readonly LLamaWeights _weights;
    private readonly LLamaContext _context;
    private readonly LLamaBatch _batch = new();
    private readonly PeerRequest?[] _slots;

    // Before the library is loaded. Only errors: what it says otherwise is pages long.
    static LlamaCppModel() =>
        NativeLibraryConfig.All.WithLogCallback((level, text) => { if (level == LLamaLogLevel.Error) Console.Error.Write(text); });

    /// <param name="cache">fp16 with flash attention, the library's default; fp32 with plain attention, which is faster there.</param>
    public LlamaCppModel(string path, PeerSlots options, string? version, string precision, string cache)
    {
        try
        {
            var parameters = new ModelParams(path)
            {
                GpuLayerCount = 0,
                SeqMax = (uint)options.Slots,
                KVUnified = false,
                BatchSize = BatchTokens,
                UBatchSize = BatchTokens,
                Threads = options.Threads,
                BatchThreads = options.Threads
            };
            parameters.TypeK = parameters.TypeV = cache == "fp16" ? GGMLType.GGML_TYPE_F16 : GGMLType.GGML_TYPE_F32;
            if (cache == "fp32") parameters.FlashAttention = false;
            _weights = LLamaWeights.LoadFromFile(parameters);
            var length = options.Context ?? _weights.ContextSize;
            parameters.ContextSize = (uint)((length + 255) / 256 * 256 * options.Slots); // llama.cpp's caches come in 256s
            _context = _weights.CreateContext(parameters);
            _slots = new PeerRequest?[options.Slots];
            Description = new($"llama.cpp of LLamaSharp {version}", options.Threads, options.Slots, length, _weights.Vocab.Count, precision,
                $"cache in {cache}, parallel sequences of one context that join and leave at any step");
        }
        catch (Exception e) when (e is not BtxException)
        {
            throw new BtxException($"{path}: llama.cpp cannot load it: {BtxException.OneLine(e.Message)}", e);
        }
    }

    public PeerDescription Description { get; }

    /// <summary>Replaces a GGUF file by what llama.cpp makes of it, output layer included.</summary>
    /// <param name="form">q8_0 or q4_0.</param>
    public static void Quantise(string path, string form)
    {
        NativeApi.llama_empty_call(); // loads the library
        var type = form == "q8_0" ? LLamaFtype.MOSTLY_Q8_0 : LLamaFtype.MOSTLY_Q4_0;
        if (!LLamaQuantizer.Quantize(path, path + ".new", type, quantizeOutputTensor: true))
            throw new BtxException($"{path}: llama.cpp cannot make {form} of it");
        File.Move(path + ".new", path, overwrite: true);
    }

    public bool TryAdd(PeerRequest request)
    {
        var slot = Array.IndexOf(_slots, null);
        if (slot >= 0) _slots[slot] = request;
        return slot >= 0;
    }

    public IReadOnlyList<(PeerRequest Request, int Token)> Step()
    {
        _batch.Clear();
        var rows = new List<(PeerRequest Request, int Row)>();
        foreach (var decoding in new[] { true, false })
            for (var slot = 0; slot < _slots.Length; slot++)
            {
                if (_slots[slot] is not { } s || s.Generated > 0 != decoding) continue;
                var end = decoding ? s.Read + 1 : s.Prompt.Length;
                while (s.Read < end && _batch.TokenCount < BatchTokens)
                {
                    var token = decoding ? s.Last : s.Prompt[s.Read];
                    var row = _batch.Add(token, s.Read++, (LLamaSeqId)slot, s.Read == end);
                    if (s.Read == end) rows.Add((s, row));
                }
            }

        if (_context.Decode(_batch) is not DecodeResult.Ok and var result)
            throw new BtxException($"llama_decode answered {result} for {_batch.TokenCount} tokens");
        foreach (var (s, row) in rows) s.Last = TensorPrimitives.IndexOfMax<float>(_context.NativeHandle.GetLogitsIth(row));
        return [.. rows.Select(r => (r.Request, r.Request.Last))];
    }

    public void Remove(PeerRequest request)
    {
        var slot = Array.IndexOf(_slots, request);
        _context.NativeHandle.MemorySequenceRemove((LLamaSeqId)slot, -1, -1);
        _slots[slot] = null;
    }

    public void Dispose()
    {
        _context.Dispose();
        _weights.Dispose();
    }
}
