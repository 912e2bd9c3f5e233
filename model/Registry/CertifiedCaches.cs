namespace Btx.Model.Registry;

/// <summary>What of the removed experts was in the server's memory and was freed; counts as measured at the removal.</summary>
/// <param name="Sessions">Runtime sessions.</param>
/// <param name="Averages">Averaged models that held their weights.</param>
/// <param name="KvSlots">Slots of the KV cache.</param>
/// <param name="KvBytes">Their bytes.</param>
/// <param name="PrefixEntries">Entries of the prefix cache.</param>
/// <param name="Centroids">Cluster centroids.</param>
/// <param name="NativeBytes">All native memory that was returned.</param>
public sealed record CertifiedCaches(long Sessions, long Averages, long KvSlots, long KvBytes, long PrefixEntries, long Centroids,
    long NativeBytes);
