using System.Text;

namespace Btx.Trainer.Corpora;

/// <summary>What goes into one split whole: a document, the passages of a long one, or a part of one that is divided over the splits.</summary>
/// <param name="Id">Its hash decides the split.</param>
/// <param name="Fixed">The split, where it is decided already.</param>
public sealed record SplitUnit(string Id, IReadOnlyList<CorpusDocument> Documents, CorpusSplit? Fixed = null)
{
    /// <summary>UTF-8 bytes of text.</summary>
    public long Bytes { get; } = Documents.Sum(d => (long)Encoding.UTF8.GetByteCount(d.Text));
}
