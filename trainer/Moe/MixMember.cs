using Btx.Model.Moe;
using Btx.Trainer.Shards;

namespace Btx.Trainer.Moe;

/// <summary>A model whose feed-forwards become one expert of a mixture.</summary>
/// <param name="Directory">Its model directory.</param>
/// <param name="Expert">What <c>btx.json</c> will say of it.</param>
/// <param name="Text">The text of its domain; null for one that stands for no domain (the seed, a copy).</param>
internal sealed record MixMember(string Directory, BtxExpert Expert, TextSource? Text);
